"""Every candidate with its figures, the front of what no other beats, and reasons against each."""

from collections.abc import Sequence
from statistics import fmean
from typing import Literal, get_args

from keiryo.comparison.conclusions import LEAST_BALANCED_GAIN
from keiryo.comparison.decision.paired import is_better_than_chance
from keiryo.comparison.rank import BYTES_PER_MEGABYTE, chosen_trial, latency_to_judge
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.decision import Candidate, Limited, Quantity, Reason
from keiryo.records.training import Metric


def fill_candidates(comparison: Comparison) -> None:
    """Set the candidates of `comparison`, its front, and why each is not the recommended one."""
    trials_of: dict[str, list[Trial]] = {name: [] for name in comparison.ranking}
    for trial in comparison.trials:
        trials_of.setdefault(trial.candidate, []).append(trial)
    done = {
        name: [trial for trial in trials if trial.status == "done"]
        for name, trials in trials_of.items()
    }
    has_memory = all(
        trial.latency_ms is not None and trial.latency_ms.peak_memory_bytes is not None
        for trials in done.values()
        for trial in trials
    )
    candidates = [
        _candidate(name, trials, comparison.metric, has_memory) for name, trials in done.items()
    ]
    ranked = [each for each in candidates if each.name in comparison.ranking]
    for each in ranked:
        each.beaten_by = [other.name for other in ranked if _beats(other, each)]
        each.is_on_front = not each.beaten_by
    comparison.front = [each.name for each in ranked if each.is_on_front]
    comparison.candidates = candidates
    for each in candidates:
        each.reasons = _reasons(each, comparison, trials_of[each.name])


def _candidate(name: str, trials: Sequence[Trial], metric: Metric, has_memory: bool) -> Candidate:
    scores = [score for trial in trials if (score := trial.score(metric)) is not None]
    return Candidate(
        name=name,
        trainings=len(trials),
        trial=chosen_trial(trials).folder if trials else None,
        accuracy=_mean(scores),
        accuracy_range=(min(scores), max(scores)) if scores else None,
        latency_ms=_mean([t.latency_ms.p50 if t.latency_ms else None for t in trials]),
        artifact_bytes=_mean([trial.artifact_bytes for trial in trials]),
        train_seconds=_mean([trial.train_seconds for trial in trials]),
        memory_bytes=_mean(
            [
                trial.latency_ms.peak_memory_bytes
                if has_memory and trial.latency_ms
                else trial.peak_memory_bytes
                for trial in trials
            ]
        ),
    )


def _mean(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return fmean(known) if known and len(known) == len(figures) else None


def _beats(one: Candidate, other: Candidate) -> bool:
    """Return whether `one` is as good as `other` in all that was measured, and better in one."""
    better = []
    for quantity in get_args(Quantity):
        figure, others = getattr(one, quantity), getattr(other, quantity)
        if others is None:
            continue  # what was not measured speaks for nobody
        if figure is None:
            return False
        gain = figure - others if quantity == "accuracy" else others - figure
        better.append(gain)
    return bool(better) and min(better) >= 0 and max(better) > 0


def _reasons(candidate: Candidate, comparison: Comparison, trials: Sequence[Trial]) -> list[Reason]:
    """Return why `candidate` is not the recommended one, the weightiest first."""
    if candidate.name == comparison.recommended:
        return [Reason(code="recommended")]
    if candidate.name not in comparison.ranking:
        dropped = any(trial.dropped_at is not None for trial in trials)
        return [Reason(code="dropped" if dropped else "not_finished")]
    done = [trial for trial in trials if trial.status == "done"]
    reasons = _over_limits(done, comparison.limits)
    reasons += _at_chance(candidate, comparison, done)
    if comparison.recommended is None:
        return reasons
    if (worse := _less_accurate(candidate, comparison)) is not None:
        return [*reasons, worse]
    if reasons:
        return reasons
    heavier = _heavier(candidate, comparison)
    return [] if heavier is None else [heavier]


def _at_chance(
    candidate: Candidate, comparison: Comparison, trials: Sequence[Trial]
) -> list[Reason]:
    """Return that `candidate` may be no better than guessing, if so."""
    if comparison.metric == "balanced":
        guessing = 1 / len(comparison.data.classes)
        figure = candidate.accuracy
        if figure is None or figure - guessing > LEAST_BALANCED_GAIN:
            return []
        quantity = "balanced_accuracy"
        return [Reason(code="at_chance", quantity=quantity, figure=figure, than=guessing)]
    baseline = comparison.data.baseline
    if is_better_than_chance(candidate.name, trials, baseline):
        return []
    return [Reason(code="at_chance", quantity="accuracy", figure=candidate.accuracy, than=baseline)]


def _over_limits(trials: Sequence[Trial], limits: Limits) -> list[Reason]:
    found = []
    figures: list[tuple[Limited, float | None, list[float | None]]] = [
        ("latency_ms", limits.max_latency_ms, [latency_to_judge(trial) for trial in trials]),
        (
            "size_mb",
            limits.max_size_mb,
            [
                None if trial.artifact_bytes is None else trial.artifact_bytes / BYTES_PER_MEGABYTE
                for trial in trials
            ],
        ),
        ("parameters", limits.max_params, [trial.parameters for trial in trials]),
    ]
    for quantity, limit, of_trials in figures:
        known = [figure for figure in of_trials if figure is not None]
        if limit is None or (len(known) == len(of_trials) and max(known) <= limit):
            continue
        found.append(
            Reason(
                code="over_limit",
                quantity=quantity,
                figure=max(known) if len(known) == len(of_trials) else None,
                than=limit,
            )
        )
    return found


def _less_accurate(candidate: Candidate, comparison: Comparison) -> Reason | None:
    """Return that `candidate` is less accurate than the best, if it is too much so."""
    by_name = {each.candidate: each for each in comparison.differences}
    difference = by_name.get(candidate.name)
    if difference is not None:
        if difference.interval[0] <= 0.0:
            return None
        return Reason(
            code="less_accurate",
            quantity="accuracy",
            figure=difference.difference,
            # That which decides; over folds, the other one is wider.
            interval=difference.interval,
            other=comparison.most_accurate,
        )
    if candidate.name == comparison.most_accurate:
        return None
    # By balanced accuracy, or without predictions, the order of the ranking decides.
    recommended = comparison.candidate_named(comparison.recommended or "")
    quantity: Literal["accuracy", "balanced_accuracy"] = (
        "balanced_accuracy" if comparison.metric == "balanced" else "accuracy"
    )
    return Reason(
        code="ranked_lower",
        quantity=quantity,
        figure=candidate.accuracy,
        than=None if recommended is None else recommended.accuracy,
        other=comparison.recommended,
    )


def _heavier(candidate: Candidate, comparison: Comparison) -> Reason | None:
    """Return that `candidate`, as accurate as the best, is heavier than the recommended one."""
    recommended = comparison.candidate_named(comparison.recommended or "")
    if recommended is None:
        return None
    if candidate.latency_ms is None or recommended.latency_ms is None:
        return Reason(code="heavier", quantity="latency_ms", other=recommended.name)
    if candidate.latency_ms != recommended.latency_ms:
        return Reason(
            code="heavier",
            quantity="latency_ms",
            figure=candidate.latency_ms,
            than=recommended.latency_ms,
            other=recommended.name,
        )
    parameters = {trial.candidate: trial.parameters for trial in comparison.trials}
    return Reason(
        code="heavier",
        quantity="parameters",
        figure=parameters[candidate.name],
        than=parameters[recommended.name],
        other=recommended.name,
    )
