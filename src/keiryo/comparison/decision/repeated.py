"""Differences of means over repeated trainings: over seeds, over folds, over seeds and images.

scipy.special has the distributions; scipy.stats would take a second to import.
"""

import math
from dataclasses import dataclass

import numpy as np

from keiryo.statistics import NORMAL_QUANTILE

BOOTSTRAP_SAMPLES = 2000
POWER_QUANTILE = 0.8416212335729143  # of 80 %
MOST_TRAININGS = 1000
MOST_DRAWN = 4_000_000  # numbers at once, 32 MB


@dataclass(frozen=True)
class MeanDifference:
    """The difference of two means, with its 95 % interval and the p-value of no difference."""

    difference: float
    interval: tuple[float, float]
    p_value: float


def welch(first: np.ndarray, second: np.ndarray) -> MeanDifference:
    """Return the mean of `first` (k,) minus that of `second` (m,), by Welch's t test (1947).

    Each needs at least two values; their variances may differ.
    """
    parts = np.array([first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)])
    freedom = _freedom(parts, np.array([len(first) - 1, len(second) - 1]))
    return _by_t(float(first.mean() - second.mean()), math.sqrt(parts.sum()), freedom)


def corrected_resampled(differences: np.ndarray, held_out_ratio: float) -> MeanDifference:
    """Return the mean of the `differences` (J,) over folds, with a corrected variance.

    Networks of different folds share training images, so their differences are correlated: the
    variance of the mean is (1/J + held-out / training images) times that of the differences (Nadeau
    & Bengio 2003, "Inference for the generalization error"). `held_out_ratio` is that ratio. There
    must be at least two differences.
    """
    count = len(differences)
    variance = (1.0 / count + held_out_ratio) * differences.var(ddof=1)
    return _by_t(float(differences.mean()), math.sqrt(variance), count - 1.0)


def crossed_interval(
    first: np.ndarray, second: np.ndarray, *, seed: int, samples: int = BOOTSTRAP_SAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two accuracies, for other seeds and images.

    `first` (k, N) and `second` (m, N), boolean, are whether each training classifies each image
    correctly. Images are drawn for both together, trainings for each alone (Owen 2007, "The
    pigeonhole bootstrap"). k - 1 of k trainings are drawn, so that the variance of their mean is
    unbiased (McCarthy & Snowden 1985), and the percentiles are those that widen the interval as
    Student's t does (Hesterberg 2015, "What teachers should know about the bootstrap").
    """
    generator = np.random.default_rng(seed)
    images = first.shape[1]
    # Images that all trainings classify alike are drawn together.
    patterns, counts = np.unique(np.concatenate([first, second]), axis=1, return_counts=True)
    answers = patterns.T.astype(float) / images
    at_once = max(1, MOST_DRAWN // len(counts))
    by_training = np.concatenate(
        [
            generator.multinomial(images, counts / images, size=min(at_once, samples - start))
            @ answers
            for start in range(0, samples, at_once)
        ]
    )  # (samples, k + m)
    means = [
        _drawn_mean(part, generator)
        for part in (by_training[:, : len(first)], by_training[:, len(first) :])
    ]
    freedom = _freedom_of_crossed(first, second)
    tail = _normal_share(-_t_quantile(freedom))
    low, high = np.quantile(means[0] - means[1], [tail, 1.0 - tail])
    return float(low), float(high)


def outperforming(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the probability that a value of `first` (k,) is above one of `second` (m,).

    Ties count half. It comes with its 95 % interval: the values that differ from it by less than
    1.96 of their own standard errors (Newcombe 2006, "Confidence intervals for an effect size
    measure based on the Mann-Whitney statistic", part 2, method 5).
    """
    pairs = first[:, None] - second[None, :]
    share = float(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    return share, (
        _end_of_share(share, len(first), len(second), 0.0),
        _end_of_share(share, len(first), len(second), 1.0),
    )


def trainings_to_tell(difference: float, variances: tuple[float, float]) -> int | None:
    """Return the number of trainings of each that tell `difference` in 80 % of cases; None: many.

    `variances` are those of the accuracy over trainings. The test is at 5 %, two-sided (Guenther
    1981, "Sample size formulas for normal theory t tests").
    """
    if difference == 0.0:
        return None
    effect = (NORMAL_QUANTILE + POWER_QUANTILE) ** 2 * sum(variances) / difference**2
    count = math.ceil(effect + NORMAL_QUANTILE**2 / 4)
    return count if count <= MOST_TRAININGS else None


def _by_t(difference: float, error: float, freedom: float) -> MeanDifference:
    from scipy.special import stdtr

    if error == 0.0:  # all trainings came out alike
        return MeanDifference(difference, (difference, difference), float(difference == 0.0))
    half = _t_quantile(freedom) * error
    p_value = 2.0 * float(stdtr(freedom, -abs(difference) / error))
    return MeanDifference(difference, (difference - half, difference + half), p_value)


def _t_quantile(freedom: float) -> float:
    """Return Student's t of 97.5 %."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def _normal_share(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2.0))


def _freedom(variances: np.ndarray, freedoms: np.ndarray) -> float:
    """Return the degrees of freedom of a sum of variances (Satterthwaite 1946)."""
    total = float(variances.sum())
    if total == 0.0:
        return float(freedoms.sum())
    return total**2 / float((variances**2 / freedoms).sum())


def _freedom_of_crossed(first: np.ndarray, second: np.ndarray) -> float:
    by_image = first.mean(0) - second.mean(0)
    parts = [
        (by_image.var(ddof=1) / len(by_image), len(by_image) - 1),
        *((each.mean(1).var(ddof=1) / len(each), len(each) - 1) for each in (first, second)),
    ]
    return _freedom(np.array([part for part, _ in parts]), np.array([free for _, free in parts]))


def _drawn_mean(by_training: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the mean (samples,) over k - 1 trainings of (samples, k), drawn for each sample."""
    samples, count = by_training.shape
    drawn = generator.multinomial(count - 1, np.full(count, 1.0 / count), size=samples)
    return (drawn * by_training).sum(1) / (count - 1)


def _end_of_share(share: float, first: int, second: int, end: float) -> float:
    """Return the end of the interval of `share` towards `end`, 0 or 1, by bisection."""
    more = (first + second) / 2.0 - 1.0

    def is_within(value: float) -> bool:
        spread = 1.0 + more * (1.0 - value) / (2.0 - value) + more * value / (1.0 + value)
        variance = value * (1.0 - value) * spread / (first * second)
        return abs(value - share) <= NORMAL_QUANTILE * math.sqrt(variance)

    inside, outside = share, end
    for _ in range(60):
        middle = (inside + outside) / 2.0
        inside, outside = (middle, outside) if is_within(middle) else (inside, middle)
    return inside
