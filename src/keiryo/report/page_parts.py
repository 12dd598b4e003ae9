"""The parts that all pages share: templates, style sheet, chart library."""

import shlex
from importlib import resources

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from plotly.offline import get_plotlyjs

from keiryo.report import words


def page_template(name: str) -> Template:
    """Return the template `name`; its filters format figures (`keiryo.report.words`)."""
    environment = Environment(
        loader=PackageLoader("keiryo.report"),
        autoescape=select_autoescape(("html", "j2")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": words.number,
        "size": words.size,
        "percent": words.percent,
        "share": words.share,
        "milliseconds": words.milliseconds,
        "latency": words.latency,
        "status": words.status,
        "duration": words.duration,
        "rate": words.rate,
        "of_engine": words.of_engine,
        "run": lambda trial: words.run(trial.seed, trial.fold),
        "quote": lambda path: shlex.quote(str(path)),
    }
    return environment.get_template(name)


def page_parts() -> dict[str, str]:
    """Return the style sheet and the chart library, inlined so that a page needs no network."""
    return {"plotly": get_plotlyjs(), "style": page_style()}


def page_style() -> str:
    """Return the style sheet that all pages share."""
    return resources.files("keiryo.report").joinpath("templates/report.css").read_text("utf-8")
