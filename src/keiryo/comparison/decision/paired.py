"""Differences between the trained networks of a comparison, on the same held-out images.

They answer which network to ship. Which architecture or recipe is better is another question,
which one training of each cannot answer: with another seed, each comes out otherwise.
"""

from collections.abc import Sequence

import numpy as np

from keiryo.comparison.decision.answers import Answers
from keiryo.comparison.decision.repeated import MeanDifference, corrected_resampled
from keiryo.comparison.rank import chosen_trial
from keiryo.records.comparison import Trial
from keiryo.records.decision import Difference
from keiryo.statistics import holm, mcnemar_mid_p, paired_difference_interval

HELD_OUT_RATIO = 0.25  # of held-out to training images: a fold holds out a fifth


def differences_from(best: str, candidates: Sequence[str], answers: Answers) -> list[Difference]:
    """Return the difference of each of the `candidates` from the `best`, in their order.

    A candidate stands for the network that would be handed over, or for those of all folds.
    Candidates without answers are left out.
    """
    found: list[Difference] = []
    correct_of_best = _correct(best, answers)
    for candidate in candidates:
        correct = _correct(candidate, answers)
        shared = correct.keys() & correct_of_best.keys()
        if candidate == best or not shared:
            continue
        first = np.array([correct_of_best[row] for row in shared])
        second = np.array([correct[row] for row in shared])
        only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
        both, neither = int((first & second).sum()), int((~first & ~second).sum())
        over_folds = difference_over_folds(best, candidate, answers)
        found.append(
            Difference(
                candidate=candidate,
                images=len(shared),
                difference=(only_first - only_second) / len(shared),
                interval=paired_difference_interval(both, only_first, only_second, neither),
                p_value=mcnemar_mid_p(only_first, only_second)
                if over_folds is None
                else over_folds.p_value,
                test="mcnemar" if over_folds is None else "corrected_resampled",
                folds_interval=None if over_folds is None else over_folds.interval,
            )
        )
    for each, p_value in zip(found, holm([each.p_value for each in found]), strict=True):
        each.p_value = p_value
    return found


def difference_over_folds(first: str, second: str, answers: Answers) -> MeanDifference | None:
    """Return the difference of two candidates over folds; None: they do not share two folds."""
    of_first, of_second = answers.accuracies(first), answers.accuracies(second)
    shared = [key for key in of_first if key in of_second and key[1] is not None]
    if len(shared) < 2:
        return None
    differences = np.array([of_first[key] - of_second[key] for key in shared])
    return corrected_resampled(differences, HELD_OUT_RATIO)


def may_replace_best(
    differences: Sequence[Difference], trials: Sequence[Trial], baseline: float
) -> list[str]:
    """Return the candidates that may be as accurate as the best, and are better than chance.

    The 95 % interval of their difference over all held-out images, not adjusted for their number,
    reaches zero: with the adjustment, more candidates would make a worse one pass, and so would few
    folds with theirs. `baseline` is the accuracy of always naming the largest class.
    """
    return [
        each.candidate
        for each in differences
        if each.interval[0] <= 0.0 and is_better_than_chance(each.candidate, trials, baseline)
    ]


def replacements(
    ranking: Sequence[str], trials: Sequence[Trial], answers: Answers, baseline: float
) -> dict[str, list[str]]:
    """Return for each candidate those below it that may replace it, as `may_replace_best` says.

    Within other limits another candidate is the best one, and these are then as accurate as it.
    """
    correct = [_correct(candidate, answers) for candidate in ranking]
    rows = sorted(set().union(*correct))
    is_known = np.array([[row in one for row in rows] for one in correct], dtype=np.int64)
    is_correct = np.array(
        [[one.get(row, False) for row in rows] for one in correct], dtype=np.int64
    )
    images, both = is_known @ is_known.T, is_correct @ is_correct.T
    alone = is_correct @ is_known.T - both  # [first, second]: those that only the first has right
    usable = {one for one in ranking if is_better_than_chance(one, trials, baseline)}

    def may_replace(first: int, second: int) -> bool:
        if not images[first, second] or ranking[second] not in usable:
            return False
        right = int(both[first, second])
        only_first, only_second = int(alone[first, second]), int(alone[second, first])
        neither = int(images[first, second]) - right - only_first - only_second
        return paired_difference_interval(right, only_first, only_second, neither)[0] <= 0.0

    return {
        best: [ranking[j] for j in range(i + 1, len(ranking)) if may_replace(i, j)]
        for i, best in enumerate(ranking)
    }


def is_better_than_chance(candidate: str, trials: Sequence[Trial], baseline: float) -> bool:
    """Return whether all finished trainings of `candidate` are better than `baseline`."""
    intervals = [
        trial.val_accuracy_interval
        for trial in trials
        if trial.candidate == candidate and trial.status == "done"
    ]
    return all(interval is not None and interval[0] > baseline for interval in intervals)


def _correct(candidate: str, answers: Answers) -> dict[int, bool]:
    """Return whether each held-out row is classified correctly."""
    group = answers.trials_of(candidate)
    if not group:
        return {}
    chosen = chosen_trial(group)
    # Each image is held out in one fold.
    return answers.of_trials([trial for trial in group if trial.seed == chosen.seed])
