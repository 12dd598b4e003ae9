"""The ranking of models, the Pareto front, and the recommendation within the user's limits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from keiryo.records.comparison import Limits, Trial

BYTES_PER_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Ranking:
    """Models, best first; those on the Pareto front; the recommended one, if one fits."""

    models: list[str]
    pareto: list[str]
    recommended: str | None
    recommended_trial: str | None


def rank(trials: Sequence[Trial], limits: Limits) -> Ranking:
    """Rank the models of the finished trials by their mean held-out accuracy over the seeds.

    `pareto` holds the models that no other beats in accuracy without being slower. The
    recommendation is the best model within the limits, by its most accurate trial.
    """
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status == "done" and trial.val_accuracy is not None:
            trials_of[trial.candidate].append(trial)
    models = sorted(trials_of, key=lambda model: -_accuracy(trials_of[model]))
    pareto = [
        model
        for model in models
        if not any(_beats(trials_of[other], trials_of[model]) for other in models)
    ]
    recommended = next((m for m in models if all(fits(t, limits) for t in trials_of[m])), None)
    best = (
        max(trials_of[recommended], key=lambda trial: trial.val_accuracy or 0.0)
        if recommended
        else None
    )
    return Ranking(models, pareto, recommended, best.folder if best else None)


def fits(trial: Trial, limits: Limits) -> bool:
    """Return whether the costs of `trial` are within `limits`; a cost not measured does not fit."""
    pairs = (
        (_latency_to_judge(trial), limits.max_latency_ms),
        (trial.artifact_bytes, limits.max_size_mb and limits.max_size_mb * BYTES_PER_MEGABYTE),
        (trial.parameters, limits.max_params),
    )
    return all(limit is None or (figure is not None and figure <= limit) for figure, limit in pairs)


def _latency_to_judge(trial: Trial) -> float | None:
    """Return the latency to compare with a limit: of a disturbed measurement, the fastest run."""
    latency = trial.latency_ms
    if latency is None:
        return None
    return latency.best if latency.is_disturbed and latency.best is not None else latency.p50


def _beats(one: Sequence[Trial], other: Sequence[Trial]) -> bool:
    better = (_accuracy(one) - _accuracy(other), _latency(other) - _latency(one))
    return min(better) >= 0 and max(better) > 0


def _accuracy(trials: Sequence[Trial]) -> float:
    return fmean(trial.val_accuracy or 0.0 for trial in trials)


def _latency(trials: Sequence[Trial]) -> float:
    return fmean(trial.latency_ms.p50 if trial.latency_ms else 0.0 for trial in trials)
