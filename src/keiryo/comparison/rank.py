"""The ranking of models, the Pareto front, and the recommendation within the user's limits."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from keiryo.records.comparison import Limits, Trial
from keiryo.records.costs import Cost
from keiryo.records.speed import TORCH
from keiryo.records.training import Metric

BYTES_PER_MEGABYTE = 1_000_000
# An exported file takes at least this share of the trained network's state.
LEAST_EXPORTED_SHARE = 0.8


@dataclass(frozen=True)
class Ranking:
    """Models, best first; those on the Pareto front; the recommended one, if one fits."""

    models: list[str]
    pareto: list[str]
    recommended: str | None
    recommended_trial: str | None


def rank(trials: Sequence[Trial], limits: Limits, metric: Metric = "accuracy") -> Ranking:
    """Rank the models of the finished trials by the mean of their held-out `metric` over the seeds.

    Of equals, the one with the lower latency comes first, then the one with fewer parameters.
    `pareto` holds the models that no other beats in the metric without being slower. The
    recommendation is the first model within the limits, so none of those within the limits beats
    it.
    """
    trials_of = _by_candidate([trial for trial in trials if trial.score(metric) is not None])

    def key(model: str) -> tuple[float, float, int]:
        group = trials_of[model]
        return -_score(group, metric), *_weight(group)

    def beats(one: str, other: str) -> bool:
        better = (key(other)[0] - key(one)[0], key(other)[1] - key(one)[1])
        return min(better) >= 0 and max(better) > 0

    models = sorted(trials_of, key=key)
    pareto = [model for model in models if not any(beats(other, model) for other in models)]
    recommended = next((m for m in models if all(fits(t, limits) for t in trials_of[m])), None)
    best = chosen_trial(trials_of[recommended]) if recommended else None
    return Ranking(models, pareto, recommended, best.folder if best else None)


def recommend_lightest(
    ranking: Ranking, trials: Sequence[Trial], limits: Limits, as_good: Collection[str]
) -> Ranking:
    """Return the ranking with the lightest model recommended of those that are as good.

    These are the recommended one and the models `as_good` that are within the limits.
    """
    if ranking.recommended is None:
        return ranking
    trials_of = _by_candidate(trials)
    good = [ranking.recommended]
    good += [m for m in as_good if all(fits(trial, limits) for trial in trials_of[m])]
    # A latency that was not measured is no reason to choose a model.
    measured = [m for m in good if all(trial.latency_ms for trial in trials_of[m])] or good
    lightest = min(measured, key=lambda model: _weight(trials_of[model]))
    return replace(
        ranking,
        recommended=lightest,
        recommended_trial=chosen_trial(trials_of[lightest]).folder,
    )


def chosen_trial(trials: Sequence[Trial]) -> Trial:
    """Return the trial of a candidate that is handed over.

    It classifies most training images correctly: a choice by the held-out images would make their
    figure too good.
    """
    return max(trials, key=lambda trial: trial.train_accuracy or 0.0)


def over_known_limits(cost: Cost | None, limits: Limits, engine: str = TORCH) -> str | None:
    """Return why a model of this cost is over a limit, which is known before it is trained.

    The size of the file for another engine than torch is not known yet: an export folds batch
    norms, which makes it a little smaller.
    """
    if cost is None:
        return None
    if limits.max_params is not None and cost.parameters > limits.max_params:
        return f"its {cost.parameters:,} parameters are over --max-params {limits.max_params:,}"
    if limits.max_size_mb is not None:
        least_share = 1.0 if engine == TORCH else LEAST_EXPORTED_SHARE
        megabytes = least_share * cost.size_bytes / BYTES_PER_MEGABYTE
        if megabytes > limits.max_size_mb:
            weights = "its weights take" if engine == TORCH else "its exported file takes at least"
            return f"{weights} {megabytes:.3g} MB, over --max-size-mb {limits.max_size_mb:g}"
    return None


def fits(trial: Trial, limits: Limits) -> bool:
    """Return whether the costs of `trial` are within `limits`; a cost not measured does not fit."""
    pairs = (
        (latency_to_judge(trial), limits.max_latency_ms),
        (trial.artifact_bytes, limits.max_size_mb and limits.max_size_mb * BYTES_PER_MEGABYTE),
        (trial.parameters, limits.max_params),
    )
    return all(limit is None or (figure is not None and figure <= limit) for figure, limit in pairs)


def latency_to_judge(trial: Trial) -> float | None:
    """Return the latency to compare with a limit: of a disturbed measurement, the fastest run."""
    return trial.judged_latency_ms


def _by_candidate(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """Return the finished trials of each candidate."""
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status == "done":
            trials_of[trial.candidate].append(trial)
    return dict(trials_of)


def _weight(trials: Sequence[Trial]) -> tuple[float, int]:
    """Return what makes a model light or heavy: its latency, then its parameters."""
    return _latency(trials), trials[0].parameters or 0


def _score(trials: Sequence[Trial], metric: Metric) -> float:
    return fmean(trial.score(metric) or 0.0 for trial in trials)


def _latency(trials: Sequence[Trial]) -> float:
    return fmean(trial.latency_ms.p50 if trial.latency_ms else 0.0 for trial in trials)
