"""Differences between the trained networks of a comparison, on the same held-out images.

They answer which network to ship. Which architecture or recipe is better is another question,
which one training of each cannot answer: with another seed, each comes out otherwise.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keiryo.comparison.rank import chosen_trial
from keiryo.comparison.trial.held_out import read_held_out
from keiryo.records.comparison import Difference, Trial
from keiryo.statistics import holm, mcnemar_mid_p, paired_difference_interval


def differences_from(
    best: str, candidates: Sequence[str], trials: Sequence[Trial], labels: np.ndarray, out: Path
) -> list[Difference]:
    """Return the difference of each of the `candidates` from the `best`, in their order.

    `labels` (rows,) are those of the pack. A candidate stands for the network that would be handed
    over, or for those of all folds. Candidates without predictions in `out` are left out.
    """
    found: list[Difference] = []
    correct_of_best = _correct(best, trials, labels, out)
    for candidate in candidates:
        correct = _correct(candidate, trials, labels, out)
        shared = correct.keys() & correct_of_best.keys()
        if candidate == best or not shared:
            continue
        first = np.array([correct_of_best[row] for row in shared])
        second = np.array([correct[row] for row in shared])
        only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
        both, neither = int((first & second).sum()), int((~first & ~second).sum())
        found.append(
            Difference(
                candidate=candidate,
                images=len(shared),
                difference=(only_first - only_second) / len(shared),
                interval=paired_difference_interval(both, only_first, only_second, neither),
                p_value=mcnemar_mid_p(only_first, only_second),
            )
        )
    for each, p_value in zip(found, holm([each.p_value for each in found]), strict=True):
        each.p_value = p_value
    return found


def may_replace_best(
    differences: Sequence[Difference], trials: Sequence[Trial], baseline: float
) -> list[str]:
    """Return the candidates that may be as accurate as the best, and are better than chance.

    The 95 % interval of their difference, not adjusted for their number, reaches zero: with the
    adjustment, more candidates would make a worse one pass. `baseline` is the accuracy of always
    naming the largest class.
    """
    return [
        each.candidate
        for each in differences
        if each.interval[0] <= 0.0 and _is_better_than_chance(each.candidate, trials, baseline)
    ]


def _is_better_than_chance(candidate: str, trials: Sequence[Trial], baseline: float) -> bool:
    intervals = [
        trial.val_accuracy_interval
        for trial in trials
        if trial.candidate == candidate and trial.status == "done"
    ]
    return all(interval is not None and interval[0] > baseline for interval in intervals)


def _correct(
    candidate: str, trials: Sequence[Trial], labels: np.ndarray, out: Path
) -> dict[int, bool]:
    """Return whether each held-out row is classified correctly."""
    group = [trial for trial in trials if trial.candidate == candidate and trial.status == "done"]
    chosen = chosen_trial(group)
    # Each image is held out in one fold.
    shown = [trial for trial in group if trial.seed == chosen.seed]
    correct: dict[int, bool] = {}
    for trial in shown:
        for row, probabilities in read_held_out(out / trial.folder):
            correct[row] = bool(probabilities.argmax() == labels[row])
    return correct
