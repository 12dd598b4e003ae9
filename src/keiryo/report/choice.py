"""The recommendation in words: the reason for it, and the candidates that are as good."""

from keiryo.records.comparison import Comparison
from keiryo.records.decision import SIGNIFICANCE_LEVEL
from keiryo.report import words

AS_ACCURATE = "≈"  # marks candidates that the held-out images cannot tell from the best
# With fewer trainings of each, chance moves their means too much to rank architectures.
ENOUGH_SEEDS = 5


def accuracy(comparison: Comparison, candidate: str, value: float | None) -> str:
    """Return a candidate's accuracy, marked if it cannot be told from the most accurate one's."""
    is_marked = value is not None and candidate in comparison.as_accurate
    return words.percent(value) + f" {AS_ACCURATE}" * is_marked


def legend(comparison: Comparison) -> str | None:
    """Return what the mark means, or None if no candidate has it."""
    if not comparison.as_accurate:
        return None
    tried = len(comparison.differences) + 1
    return (
        f"{AS_ACCURATE} {_images(comparison)} cannot tell it from {_best(comparison)}, "
        f"{comparison.most_accurate} (McNemar's mid-p test among {tried} candidates, Holm's "
        f"correction, p of {SIGNIFICANCE_LEVEL} or more)."
    )


def reason(comparison: Comparison) -> str | None:
    """Return why the recommended candidate is recommended, or None if there was no choice."""
    recommended, best = comparison.recommended, comparison.most_accurate
    if recommended is None or not comparison.differences:
        return None
    if recommended == best:
        told = "" if comparison.as_accurate else f"; {_images(comparison)} tell it from all others"
        return f"{_best(comparison)}{told}"
    difference = next(each for each in comparison.differences if each.candidate == recommended)
    low, high = (100.0 * end for end in difference.interval)
    return (
        f"the lightest of those that may be as accurate as {_best(comparison)}: on "
        f"{_images(comparison)}, {best} is {100.0 * difference.difference:.1f} points better "
        f"(95 % interval {low:.1f} to {high:.1f})"
    )


def lacks_seeds(comparison: Comparison) -> bool:
    """Return whether there are too few trainings of each candidate to rank architectures."""
    seeds = {(trial.candidate, trial.seed) for trial in comparison.trials if trial.status == "done"}
    return len(comparison.ranking) > 1 and len(seeds) < ENOUGH_SEEDS * len(comparison.ranking)


def _best(comparison: Comparison) -> str:
    limits = comparison.limits.model_dump().values()
    within = "" if all(limit is None for limit in limits) else " within the limits"
    return f"the most accurate{within}"


def _images(comparison: Comparison) -> str:
    images = min(difference.images for difference in comparison.differences)
    return f"{images:,} held-out images"
