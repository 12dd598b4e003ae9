"""Statistics of a classifier, in numpy: SciPy and scikit-learn take a second to import."""

import math
from collections.abc import Sequence

import numpy as np

NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %, for intervals of 95 %


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, `correct` of `count` (Wilson 1927)."""
    share, square = correct / count, NORMAL_QUANTILE**2
    middle = share + square / (2 * count)
    half = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    low, high = (middle - half) / (1 + square / count), (middle + half) / (1 + square / count)
    return (low if correct else 0.0), (high if correct < count else 1.0)


def paired_difference_interval(
    both: int, only_first: int, only_second: int, neither: int
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two accuracies on the same images.

    The counts are those of images that both classifiers, the first alone, the second alone and
    neither classify correctly; the difference is first minus second (Newcombe 1998, Improved
    confidence intervals for the difference between binomial proportions based on paired data,
    method 10).
    """
    count = both + only_first + only_second + neither
    first, second = both + only_first, both + only_second
    difference = (only_first - only_second) / count
    low_first, high_first = wilson_interval(first, count)
    low_second, high_second = wilson_interval(second, count)
    correlation = 0.0
    if (sides := first * (count - first) * second * (count - second)) > 0:
        product = both * neither - only_first * only_second
        if product > 0:
            product = max(product - count / 2, 0.0)  # the method's correction for continuity
        correlation = product / math.sqrt(sides)

    def distance(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))

    down = distance(first / count - low_first, high_second - second / count)
    up = distance(second / count - low_second, high_first - first / count)
    return difference - down, difference + up


def independent_difference_interval(
    first: int, first_count: int, second: int, second_count: int
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two accuracies on different images.

    `first` of `first_count` images are classified correctly, and `second` of `second_count`; the
    difference is first minus second (Newcombe 1998, Interval estimation for the difference between
    independent proportions, method 10).
    """
    low_first, high_first = wilson_interval(first, first_count)
    low_second, high_second = wilson_interval(second, second_count)
    one, other = first / first_count, second / second_count
    return (
        one - other - math.hypot(one - low_first, high_second - other),
        one - other + math.hypot(other - low_second, high_first - one),
    )


def two_proportions_p(first: int, first_count: int, second: int, second_count: int) -> float:
    """Return the p-value of two classifiers being equally accurate, each on images of its own.

    The counts are as in `independent_difference_interval`; the z test has the pooled variance.
    """
    pooled = (first + second) / (first_count + second_count)
    variance = pooled * (1.0 - pooled) * (1.0 / first_count + 1.0 / second_count)
    if variance == 0.0:
        return 1.0
    difference = first / first_count - second / second_count
    return math.erfc(abs(difference) / math.sqrt(2.0 * variance))


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Return the p-value of two classifiers being equally accurate on the same images.

    The counts are those of images that the first alone and the second alone classify correctly
    (McNemar 1947, with the mid-p of Fagerland et al. 2013, "The McNemar test for binary matched-
    pairs data", which keeps its level where the exact test is too cautious).
    """
    count, fewest = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0

    def chance(successes: int) -> float:
        ways = (
            math.lgamma(count + 1),
            math.lgamma(successes + 1),
            math.lgamma(count - successes + 1),
        )
        return math.exp(ways[0] - ways[1] - ways[2] - count * math.log(2.0))

    return 2.0 * sum(map(chance, range(fewest + 1))) - chance(fewest)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Holm 1979): none rises above 1."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def balanced_accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of each class in `labels` (N,) that is `predicted` (N,), mean over classes.

    A class counts as much as any other, however few images it has (Brodersen et al. 2010).
    """
    return float(np.mean([(predicted[labels == c] == c).mean() for c in np.unique(labels)]))


def area_under_roc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve of `scores` (N,) for the examples `positive` (N,), bool.

    It is the chance that a positive example has a higher score than another one, where equal
    scores count half (Mann & Whitney 1947). There must be examples of both kinds.
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    own = int(positive.sum())
    others = len(positive) - own
    return float((ranks[positive].sum() - own * (own + 1) / 2) / (own * others))
