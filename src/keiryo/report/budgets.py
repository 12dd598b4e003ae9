"""The data behind the sliders of budgets, from which the page recommends within other limits.

The rule is that of `keiryo.comparison.rank.recommend_lightest`. The page's script follows it with
these data; a test in a browser holds the two equal.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from keiryo.records.comparison import Comparison, Trial
from keiryo.report import words
from keiryo.report.languages.catalogue import Language

BYTES_PER_MEGABYTE = 1_000_000
# The limits between which a slider moves, times a power of ten.
ROUND = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True)
class Budget:
    """A limit that a slider moves; `name` is its key in the catalogue, costs are in `unit`."""

    name: str
    cost: Callable[[Trial], float | None]
    show: Callable[[float | None], str]
    unit: float = 1.0


BUDGETS = (
    Budget("latency", lambda trial: trial.judged_latency_ms, words.milliseconds),
    Budget("size", lambda trial: trial.artifact_bytes, words.size, BYTES_PER_MEGABYTE),
    Budget("parameters", lambda trial: trial.parameters, words.number),
)


def budget_data(comparison: Comparison, say: Language) -> dict[str, object] | None:
    """Return the candidates, best first, the sliders, and the page's words.

    Returns None if there is no choice, or if the results do not say which candidates may replace
    which (those of earlier versions).
    """
    ranking = comparison.ranking
    if len(ranking) < 2 or comparison.may_replace.keys() != set(ranking):
        return None
    trials_of: dict[str, list[Trial]] = defaultdict(list)
    for trial in comparison.trials:
        if trial.status == "done":
            trials_of[trial.candidate].append(trial)
    limits = comparison.limits
    given = {
        "latency": limits.max_latency_ms,
        "size": limits.max_size_mb and limits.max_size_mb * BYTES_PER_MEGABYTE,
        "parameters": limits.max_params,
    }
    sliders = [
        slider
        for budget in BUDGETS
        if (slider := _slider(budget, trials_of, given[budget.name], say)) is not None
    ]
    return {
        "candidates": [_candidate(name, comparison, trials_of[name]) for name in ranking],
        "sliders": sliders,
        "words": {
            key: say.plain(f"budgets.{key}", **_AS_WRITTEN)
            for key in ("recommended", "no_better", "none", "no_limit")
        },
    }


# The page's script fills these in.
_AS_WRITTEN = {name: f"{{{name}}}" for name in ("name", "accuracy", "latency", "size", "folder")}


def _candidate(name: str, comparison: Comparison, trials: Sequence[Trial]) -> dict[str, object]:
    shown = max(trials, key=lambda trial: trial.train_accuracy or 0.0)
    baseline = comparison.data.baseline
    return {
        "name": name,
        "costs": {budget.name: _largest(budget, trials) for budget in BUDGETS},
        "weight": [
            fmean(trial.latency_ms.p50 if trial.latency_ms else 0.0 for trial in trials),
            trials[0].parameters or 0,
        ],
        "is_measured": all(trial.latency_ms for trial in trials),
        "may_replace": [comparison.ranking.index(one) for one in comparison.may_replace[name]],
        "is_better_than_baseline": all(
            trial.val_accuracy_interval is None or trial.val_accuracy_interval[0] > baseline
            for trial in trials
        ),
        "trial": shown.folder,
        "accuracy": words.percent(shown.val_accuracy),
        "latency": words.latency(shown.latency_ms),
        "size": words.size(shown.artifact_bytes),
        "folder": shown.folder,
    }


def _largest(budget: Budget, trials: Sequence[Trial]) -> float | None:
    costs = [budget.cost(trial) for trial in trials]
    known = [cost for cost in costs if cost is not None]
    return max(known) if len(known) == len(costs) else None


def _slider(
    budget: Budget, trials_of: dict[str, list[Trial]], given: float | None, say: Language
) -> dict[str, object] | None:
    """Return the slider's limits, the smallest first; behind the last one there is no limit."""
    costs = [
        cost for trials in trials_of.values() if (cost := _largest(budget, trials)) is not None
    ]
    if not costs:
        return None
    limits = set(_round_limits(min(costs), max(costs)))
    if given is not None:
        limits.add(given)
    steps = sorted(limits)
    return {
        "cost": budget.name,
        "steps": [
            {"limit": step, "words": say.plain("budgets.at_most", limit=budget.show(step))}
            for step in steps
        ],
        "start": len(steps) if given is None else steps.index(given),
    }


def _round_limits(least: float, most: float) -> list[float]:
    """Return round limits from one that excludes `least` to one that admits `most`."""
    powers = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    every = [float(f"{digit * 10.0**power:.2g}") for power in powers for digit in ROUND]
    below = max((limit for limit in every if limit < least), default=every[0])
    above = min((limit for limit in every if limit >= most), default=every[-1])
    return [limit for limit in every if below <= limit <= above]
