"""The comparison of architectures or recipes over repeated trainings, in words."""

from collections.abc import Sequence

from keiryo.records.comparison import Comparison
from keiryo.records.decision import ENOUGH_TRAININGS, ArchitectureDifference
from keiryo.sentences import count, some_of

ACROSS = {
    "welch": "Welch's t test over the seeds, and a bootstrap of seeds and images",
    "corrected_resampled": "a t test over the folds with the variance of Nadeau and Bengio",
}


def compared_in_words(comparison: Comparison) -> list[str]:
    """Return sentences on which architecture or recipe is better, or why that cannot be said."""
    if len(comparison.ranking) < 2:
        return []
    if not comparison.candidates:  # written by an earlier version
        return []
    if comparison.trainings_lacking:
        return [_lacking(comparison)]
    best = comparison.ranking[0]
    differences = [each for each in comparison.architectures if each.is_enough]
    if not differences:
        return []
    equal = [each for each in differences if not each.is_told_apart]
    told = [each for each in differences if each.is_told_apart]
    said = []
    if told:
        said.append(f"{best} is better than {_named(told)}. {_figures(best, told[0])}")
    if equal:
        said.append(
            f"Repeated trainings cannot tell {_named(equal)} from {best}. "
            f"{_figures(best, equal[0])}{_needed(equal[0])}"
        )
    method = ACROSS[differences[0].method]
    tried = len(comparison.candidates)
    said.append(f"By {method}; p-values for {tried} candidates by Holm's correction.")
    return said


def _lacking(comparison: Comparison) -> str:
    has_folds = any(trial.fold is not None for trial in comparison.trials)
    folds = max((trial.fold or 0 for trial in comparison.trials), default=0)
    option = (
        "--folds 5" if has_folds and folds < ENOUGH_TRAININGS else f"--seeds {ENOUGH_TRAININGS}"
    )
    more = count(comparison.trainings_lacking, "more training", "more trainings")
    kind = "recipe" if any(trial.recipe for trial in comparison.trials) else "architecture"
    return (
        f"Which {kind} is better cannot be said: with other seeds the order may differ. It takes "
        f"{more} of each ({option})."
    )


def _named(differences: Sequence[ArchitectureDifference]) -> str:
    return some_of([each.candidate for each in differences])


def _figures(best: str, difference: ArchitectureDifference) -> str:
    low, high = (100.0 * end for end in difference.crossed_interval or difference.interval)
    repeated = "folds" if difference.method == "corrected_resampled" else "trainings of each"
    text = (
        f"Over {difference.trainings} {repeated}, {best} is {100.0 * difference.difference:.1f} "
        f"points more accurate than {difference.candidate} (95 % interval {low:.1f} to {high:.1f}"
    )
    if difference.outperforms is not None and difference.outperforms_interval is not None:
        least, most = difference.outperforms_interval
        text += (
            f"); a training of it is the more accurate one in {difference.outperforms:.0%} of "
            f"cases ({least:.0%} to {most:.0%}"
        )
    return f"{text})."


def _needed(difference: ArchitectureDifference) -> str:
    if difference.trainings_needed is None:
        return ""
    have = min(difference.trainings, difference.trainings_of_best)
    if difference.trainings_needed <= have:
        return " More held-out images would tell more than more trainings."
    return (
        f" If the difference is as large as that, {difference.trainings_needed:,} trainings of "
        "each would show it in four cases of five."
    )
