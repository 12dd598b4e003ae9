"""The parts that all pages share: templates, style sheet, script, language."""

import base64
import hashlib
import shlex
from functools import cache, partial
from importlib import resources
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.languages.translation import translate


def render(template: str, say: Language, **values: object) -> str:
    """Return the page that the template `template` makes of `values`, in the language `say`."""
    script = _read("report.js")
    return _template(template, say).render(
        say=say,
        style=_read("report.css"),
        script=script,
        script_digest=_digest(script),
        **values,
    )


def short_name(name: str) -> str:
    """Return a data set's name without the folders it lies in, which are no reader's business."""
    path: PurePath = PureWindowsPath(name) if "\\" in name else PurePosixPath(name)
    return (path.name or name) if path.is_absolute() else name


def sort_key(value: float | None) -> str:
    """Return a figure as tables are sorted by it; nothing for one that was not measured."""
    return "" if value is None else f"{value:.7g}"


def _template(name: str, say: Language) -> Template:
    environment = Environment(
        loader=PackageLoader("keiryo.report"),
        autoescape=select_autoescape(("html", "j2")),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "number": words.number,
        "size": words.size,
        "percent": words.percent,
        "share": words.share,
        "milliseconds": words.milliseconds,
        "latency": words.latency,
        "status": partial(words.status, say=say),
        "duration": partial(words.duration, say=say),
        "rate": words.rate,
        "of_engine": words.of_engine,
        "run": lambda trial: words.run(trial.seed, trial.fold, say),
        "corruption": lambda kind: words.corruption(kind, say),
        "quote": lambda path: shlex.quote(str(path)),
        "in_language": partial(translate, say=say),
        "short_name": short_name,
        "sort_key": sort_key,
    }
    return environment.get_template(name)


@cache
def _read(name: str) -> str:
    return resources.files("keiryo.report").joinpath(f"templates/{name}").read_text("utf-8")


def _digest(script: str) -> str:
    """Return the digest by which a page's policy knows its script; no other script can run."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"sha256-{digest}"
