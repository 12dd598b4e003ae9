"""A comparison and a trial as tables, for `print` and for notebooks."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keiryo.records.comparison import Comparison, Trial

HEADINGS = ("model", "seed", "held out", "latency", "size", "parameters")


def comparison_as_text(comparison: "Comparison") -> str:
    """Return the trials in columns of characters, and the recommendation below."""
    rows = [HEADINGS, *(_cells(trial) for trial in comparison.trials)]
    recommended = comparison.recommended or "none"
    return "\n".join([*_columns(rows), "", f"Recommended: {recommended}"])


def comparison_as_html(comparison: "Comparison") -> str:
    """Return the trials as a table in HTML, the recommended one in bold."""
    rows = [_row("th", HEADINGS)]
    for trial in comparison.trials:
        is_best = trial.folder == comparison.recommended_trial
        rows.append(_row("td", _cells(trial), bold=is_best))
    return f"<table>{''.join(rows)}</table>"


def trial_as_text(trial: "Trial") -> str:
    """Return a trial's figures, one a line."""
    return "\n".join([trial.candidate, *_columns(_figures(trial))])


def trial_as_html(trial: "Trial") -> str:
    """Return a trial's figures and findings as a table in HTML."""
    rows = [_row("td", cells) for cells in _figures(trial)]
    return f"<h4>{escape(trial.candidate)}</h4><table>{''.join(rows)}</table>"


def _cells(trial: "Trial") -> tuple[str, ...]:
    return (
        trial.candidate,
        str(trial.seed) if trial.fold is None else f"{trial.seed}, fold {trial.fold}",
        trial.status if trial.val_accuracy is None else f"{trial.val_accuracy:.1%}",
        _latency(trial),
        _megabytes(trial),
        "" if trial.parameters is None else f"{trial.parameters:,}",
    )


def _figures(trial: "Trial") -> list[tuple[str, str]]:
    interval = trial.val_accuracy_interval
    accuracy = "" if trial.val_accuracy is None else f"{trial.val_accuracy:.1%}"
    if interval is not None:
        accuracy += f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})"
    figures = [
        ("status", trial.status),
        ("seed", str(trial.seed) if trial.fold is None else f"{trial.seed}, fold {trial.fold}"),
        ("held-out accuracy", accuracy),
        (
            "training accuracy",
            "" if trial.train_accuracy is None else f"{trial.train_accuracy:.1%}",
        ),
        ("latency", _latency(trial)),
        ("size", _megabytes(trial)),
        ("parameters", "" if trial.parameters is None else f"{trial.parameters:,}"),
        ("multiply-accumulates", "" if trial.macs is None else f"{trial.macs:,}"),
        ("epochs", "" if trial.epochs is None else str(trial.epochs)),
        ("trained in", "" if trial.train_seconds is None else f"{trial.train_seconds:,.0f} s"),
        *((finding.code, finding.evidence) for finding in trial.diagnosis),
    ]
    return [(title, text) for title, text in figures if text]


def _latency(trial: "Trial") -> str:
    latency = trial.latency_ms
    return "" if latency is None else f"{latency.p50:.2f} ms" + "*" * latency.disturbed


def _megabytes(trial: "Trial") -> str:
    return "" if trial.artifact_bytes is None else f"{trial.artifact_bytes / 1e6:.2f} MB"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells in columns; the first column is aligned left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place and len(widths) > 2 else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(tag: str, cells: Sequence[str], *, bold: bool = False) -> str:
    start, end = ("<b>", "</b>") if bold else ("", "")
    shown = "".join(f"<{tag}>{start}{escape(cell)}{end}</{tag}>" for cell in cells)
    return f"<tr>{shown}</tr>"
