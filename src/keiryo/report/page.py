"""The report: one HTML file that opens without a network."""

import json
from collections.abc import Sequence
from pathlib import Path

from keiryo.files import write_text
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.places import CURVES_FOLDER, REPORT_FILE, THUMBNAILS_FILE
from keiryo.records.speed import TORCH
from keiryo.report import choice, words
from keiryo.report.budgets import budget_data
from keiryo.report.charts.accuracy_curves import draw_accuracy_curves
from keiryo.report.charts.front import (
    FURTHER,
    LATENCY,
    MOST_CANDIDATES_AGAINST_ALL,
    SIZE,
    draw_front,
    draw_names,
)
from keiryo.report.charts.gradient_map import draw_gradient_maps
from keiryo.report.decision import architectures
from keiryo.report.decision.answers import candidate_answers
from keiryo.report.languages.catalogue import Language, language
from keiryo.report.languages.translation import translate_reason
from keiryo.report.order import best_first, dropped_early
from keiryo.report.page_parts import render
from keiryo.report.png.curves import write_curves


def write_report(comparison: Comparison, folder: Path, lang: str | None = None) -> Path:
    """Write `report.html` and the curves as PNGs into `folder`; return the page's path.

    `lang` is a language's code; without it, the locale decides.
    """
    write_curves(comparison, folder / CURVES_FOLDER)
    path = folder / REPORT_FILE
    write_text(path, render_page(comparison, folder, lang))
    return path


def render_page(comparison: Comparison, folder: Path, lang: str | None = None) -> str:
    """Return the page of `comparison`, whose trials are in `folder`."""
    say = language(lang)
    trials = best_first(comparison)
    shown = comparison.shown_trial
    winner = next((trial for trial in comparison.trials if trial.folder == shown), None)
    is_of_torch = comparison.engine == TORCH
    return render(
        "report.html.j2",
        say,
        comparison=comparison,
        summary=_summary(comparison, say),
        trials=trials,
        numbers=_numbers(comparison),
        dropped={
            candidate: translate_reason(because, say)
            for candidate, because in dropped_early(comparison).items()
        },
        winner=winner,
        exported=not is_of_torch,
        others_engine=any(map(comparison.is_on_another_engine, trials)),
        file_kind=say("costs.saved_model" if is_of_torch else "costs.exported_file"),
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
        reason=choice.reason(comparison, say),
        legend=choice.legend(comparison, say),
        architectures=architectures.compared_in_words(comparison, say),
        against=_against(comparison, say),
        answers=candidate_answers(comparison, say),
        limits=_limits_in_words(comparison.limits, say),
        disturbed=any(words.is_disturbed(trial.latency_ms) for trial in trials),
        budgets=budget_data(comparison, say),
        names=draw_names(comparison),
        fronts=_drawn(comparison, (LATENCY, SIZE), say),
        further_fronts=_drawn(comparison, FURTHER, say)
        if len(comparison.ranking) <= MOST_CANDIDATES_AGAINST_ALL
        else [],
        curves=draw_accuracy_curves(comparison, say),
        gradients=draw_gradient_maps(trials, folder, say),
    )


def _summary(comparison: Comparison, say: Language) -> list[str]:
    """Return the line below the heading, in its parts."""
    data = comparison.data
    images = say("page.images", train=data.train_images, held_out=data.val_images)
    if data.test_images:
        images += say("page.test_images", n=data.test_images)
    recipe = say("page.recipe", recipe=comparison.recipe)
    if comparison.augment:
        recipe += say("page.augment", augment=comparison.augment)
    if comparison.fine_tune:
        recipe += say("page.fine_tune", fine_tune=comparison.fine_tune)
    if comparison.stop_early:
        recipe += say("page.stop_early")
    if comparison.epochs:
        budget = say("page.epochs", n=comparison.epochs)
    else:
        budget = say("page.minutes", minutes=comparison.minutes)
    return [
        say("page.classes", n=len(data.classes)),
        images,
        say("page.size", size=data.size, fit=data.fit),
        budget,
        recipe + say("page.batch", batch=comparison.batch),
        f"{comparison.created[:16].replace('T', ' ')} UTC",
    ]


def _numbers(comparison: Comparison) -> dict[str, int]:
    """Return the number by which charts and tables know each candidate: its place, best first."""
    every = [*comparison.ranking, *(trial.candidate for trial in comparison.trials)]
    return {candidate: number for number, candidate in enumerate(dict.fromkeys(every))}


def _against(comparison: Comparison, say: Language) -> list[tuple[str, str]]:
    """Return the candidates that are not recommended, with the reasons."""
    reasons = (
        (one.name, choice.why_not(comparison, one.name, say)) for one in comparison.candidates
    )
    return [(name, because) for name, because in reasons if because is not None]


def _drawn(comparison: Comparison, kinds: Sequence, say: Language) -> list[str]:
    charts = (draw_front(comparison, kind, say) for kind in kinds)
    return [chart for chart in charts if chart is not None]


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


def _limits_in_words(limits: Limits, say: Language) -> str:
    parts = []
    if limits.max_latency_ms is not None:
        parts.append(f"{limits.max_latency_ms:g} ms")
    if limits.max_size_mb is not None:
        parts.append(f"{limits.max_size_mb:g} MB")
    if limits.max_params is not None:
        parts.append(say.plain("winner.parameters", parameters=words.number(limits.max_params)))
    return say.plain("winner.within", limits=", ".join(parts)) if parts else ""
