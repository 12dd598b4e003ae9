"""Differences between architectures or recipes, over repeated trainings of each."""

from collections.abc import Sequence

import numpy as np

from keiryo.comparison.decision.answers import Answers
from keiryo.comparison.decision.paired import difference_over_folds
from keiryo.comparison.decision.repeated import (
    crossed_interval,
    outperforming,
    trainings_to_tell,
    welch,
)
from keiryo.records.decision import ENOUGH_TRAININGS, ArchitectureDifference
from keiryo.statistics import holm


def compare_architectures(
    ranking: Sequence[str], answers: Answers, *, seed: int
) -> list[ArchitectureDifference]:
    """Return the difference of each candidate from the first of the `ranking`, in its order.

    Candidates with fewer than two trainings are left out. `seed` is that of the bootstrap.
    """
    found = [
        difference
        for candidate in ranking[1:]
        if (difference := _difference(ranking[0], candidate, answers, seed)) is not None
    ]
    for each, p_value in zip(found, holm([each.p_value for each in found]), strict=True):
        each.p_value = p_value
    return found


def trainings_lacking(ranking: Sequence[str], answers: Answers) -> int:
    """Return the number of further trainings of each candidate that a comparison of them takes."""
    if len(ranking) < 2:
        return 0
    fewest = min(len(answers.trials_of(candidate)) for candidate in ranking)
    return max(0, ENOUGH_TRAININGS - fewest)


def _difference(
    best: str, candidate: str, answers: Answers, seed: int
) -> ArchitectureDifference | None:
    over_folds = difference_over_folds(best, candidate, answers)
    if over_folds is not None:
        trainings = answers.accuracies(best).keys() & answers.accuracies(candidate).keys()
        return ArchitectureDifference(
            candidate=candidate,
            trainings=len(trainings),
            trainings_of_best=len(trainings),
            method="corrected_resampled",
            difference=over_folds.difference,
            interval=over_folds.interval,
            p_value=over_folds.p_value,
        )
    first, second = answers.by_seed(best, candidate)
    if min(len(first), len(second)) < 2 or first.shape[1] < 2:
        return None
    of_best, of_candidate = first.mean(1), second.mean(1)
    over_seeds = welch(of_best, of_candidate)
    outperforms, outperforms_interval = outperforming(of_best, of_candidate)
    return ArchitectureDifference(
        candidate=candidate,
        trainings=len(second),
        trainings_of_best=len(first),
        method="welch",
        difference=over_seeds.difference,
        interval=over_seeds.interval,
        p_value=over_seeds.p_value,
        crossed_interval=crossed_interval(first, second, seed=seed),
        outperforms=outperforms,
        outperforms_interval=outperforms_interval,
        trainings_needed=_needed(over_seeds.difference, of_best, of_candidate),
    )


def _needed(difference: float, of_best: np.ndarray, of_candidate: np.ndarray) -> int | None:
    variances = float(of_best.var(ddof=1)), float(of_candidate.var(ddof=1))
    needed = trainings_to_tell(difference, variances)
    return None if needed is None else max(needed, ENOUGH_TRAININGS)
