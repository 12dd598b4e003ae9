"""The report: one HTML file that opens without a network."""

import json
from collections.abc import Sequence
from pathlib import Path

from keiryo.files import write_text
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.places import CURVES_FOLDER, REPORT_FILE, THUMBNAILS_FILE
from keiryo.records.speed import TORCH
from keiryo.report import charts, choice, words
from keiryo.report.curves import write_curves
from keiryo.report.decision import architectures
from keiryo.report.gradient_chart import gradient_heat_maps, read_snapshots
from keiryo.report.order import best_first, dropped_early
from keiryo.report.page_parts import page_parts, page_template


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write `report.html` and the curves as PNGs into `folder`; return the page's path."""
    write_curves(comparison, folder / CURVES_FOLDER)
    path = folder / REPORT_FILE
    write_text(path, render_page(comparison, folder))
    return path


def render_page(comparison: Comparison, folder: Path) -> str:
    """Return the page of `comparison`, whose trials are in `folder`."""
    trials = best_first(comparison)
    latencies = [trial.latency_ms for trial in trials]
    winner = next((t for t in comparison.trials if t.folder == comparison.shown_trial), None)
    return page_template("report.html.j2").render(
        comparison=comparison,
        trials=trials,
        dropped=dropped_early(comparison),
        winner=winner,
        exported=comparison.engine != TORCH,
        others_engine=any(map(comparison.is_on_another_engine, trials)),
        file_kind="saved model" if comparison.engine == TORCH else "exported file",
        winner_path=None if winner is None else folder / winner.folder,
        folder=folder,
        folds=max((trial.fold or 1 for trial in comparison.trials), default=1),
        of_best=_accuracies(comparison, comparison.ranking[:1]),
        of_winner=_accuracies(comparison, [winner.candidate] if winner else []),
        own_split=comparison.data.own_split,
        thumbnails=_thumbnails(folder),
        shows_balanced=comparison.data.is_uneven or comparison.metric == "balanced",
        healthy=_healthy(trials),
        choice=choice,
        reason=choice.reason(comparison),
        legend=choice.legend(comparison),
        architectures=architectures.compared_in_words(comparison),
        limits=_limits_in_words(comparison.limits),
        disturbed=f"{words.DISTURBED} {words.JUDGED_BY_BEST}"
        if any(map(words.is_disturbed, latencies))
        else None,
        curves=charts.accuracy_curves(comparison),
        gradients=gradient_heat_maps(
            [(trial, read_snapshots(folder / trial.folder)) for trial in trials]
        ),
        costs=charts.accuracy_against_cost(comparison),
        **page_parts(),
    )


def _accuracies(comparison: Comparison, candidates: Sequence[str | None]) -> list[float]:
    """Return the held-out accuracies of all trainings of the candidates."""
    return [
        trial.val_accuracy
        for trial in comparison.trials
        if trial.candidate in candidates and trial.val_accuracy is not None
    ]


def _healthy(trials: Sequence[Trial]) -> list[str]:
    """Return the candidates whose trainings all ended, and none with a finding."""
    with_findings = {t.candidate for t in trials if t.diagnosis or t.status != "done"}
    return [c for c in dict.fromkeys(t.candidate for t in trials) if c not in with_findings]


def _thumbnails(folder: Path) -> dict[str, str]:
    try:
        return json.loads((folder / THUMBNAILS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}


def _limits_in_words(limits: Limits) -> str:
    parts = []
    if limits.max_latency_ms is not None:
        parts.append(f"{limits.max_latency_ms:g} ms")
    if limits.max_size_mb is not None:
        parts.append(f"{limits.max_size_mb:g} MB")
    if limits.max_params is not None:
        parts.append(f"{words.number(limits.max_params)} parameters")
    return f" within {', '.join(parts)}" if parts else ""
