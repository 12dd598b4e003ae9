"""The report: one HTML file that opens without a network."""

import shlex
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from plotly.offline import get_plotlyjs

from keiryo.files import write_text
from keiryo.report import charts, words
from keiryo.report.curves import write_curves
from keiryo.results import CURVES_FOLDER, REPORT_FILE, Comparison, Limits


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write `report.html` and the curves as PNGs into `folder`; return the page's path."""
    write_curves(comparison, folder / CURVES_FOLDER)
    path = folder / REPORT_FILE
    write_text(path, render_page(comparison, folder))
    return path


def render_page(comparison: Comparison, folder: Path) -> str:
    """Return the page of `comparison`, whose trials are in `folder`."""
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
        "milliseconds": words.milliseconds,
        "duration": words.duration,
        "rate": words.rate,
        "quote": lambda path: shlex.quote(str(path)),
    }
    order = {model: place for place, model in enumerate(comparison.ranking)}
    trials = sorted(
        comparison.trials, key=lambda trial: (order.get(trial.model, len(order)), trial.seed)
    )
    winner = next((t for t in comparison.trials if t.folder == comparison.recommended_trial), None)
    return environment.get_template("report.html.j2").render(
        comparison=comparison,
        trials=trials,
        winner=winner,
        winner_path=None if winner is None else folder / winner.folder,
        folder=folder,
        limits=_limits_in_words(comparison.limits),
        curves=charts.accuracy_curves(comparison),
        costs=charts.accuracy_against_cost(comparison),
        plotly=get_plotlyjs(),
        style=resources.files("keiryo.report").joinpath("templates/report.css").read_text("utf-8"),
    )


def _limits_in_words(limits: Limits) -> str:
    parts = []
    if limits.max_latency_ms is not None:
        parts.append(f"{limits.max_latency_ms:g} ms")
    if limits.max_size_mb is not None:
        parts.append(f"{limits.max_size_mb:g} MB")
    if limits.max_params is not None:
        parts.append(f"{words.number(limits.max_params)} parameters")
    return f" within {', '.join(parts)}" if parts else ""
