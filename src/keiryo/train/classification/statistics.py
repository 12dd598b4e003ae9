"""Statistics of a classifier, in numpy: SciPy and scikit-learn take a second to import."""

import math

import numpy as np

NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %, for intervals of 95 %


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, `correct` of `count` (Wilson 1927)."""
    share, square = correct / count, NORMAL_QUANTILE**2
    middle = share + square / (2 * count)
    half = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    low, high = (middle - half) / (1 + square / count), (middle + half) / (1 + square / count)
    return (low if correct else 0.0), (high if correct < count else 1.0)


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
