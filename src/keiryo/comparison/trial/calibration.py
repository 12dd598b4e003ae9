"""The calibration of a network: the agreement of its confidence with its accuracy."""

import math
from collections.abc import Callable

import numpy as np

from keiryo.records.analysis import Calibration, CalibrationBin
from keiryo.statistics import NORMAL_QUANTILE, wilson_interval

MOST_BINS = 15
FEWEST_IN_BIN = 20


def measure_calibration(confidence: np.ndarray, correct: np.ndarray) -> Calibration | None:
    """Return the calibration of the `confidence` (N,) in answers that are `correct` (N,), bool.

    Bins hold equally many images. In a bin of n images, the squared mean of the residuals
    (correctness minus confidence) is too large by their variance over n, which is taken off
    (Ferro & Fricker 2012, "A bias-corrected decomposition of the Brier score"; Kumar, Liang & Ma
    2019, "Verified uncertainty calibration", section 4). None: fewer than 20 images.
    """
    bins = min(MOST_BINS, len(confidence) // FEWEST_IN_BIN)
    if bins == 0:
        return None
    order = np.argsort(confidence, kind="stable")
    parts = [
        (confidence[rows], correct[rows].astype(float)) for rows in np.array_split(order, bins)
    ]
    sizes = np.array([len(answers) for _, answers in parts], dtype=float)
    means = np.array([(answers - sure).mean() for sure, answers in parts])
    variances = np.array([(answers - sure).var(ddof=1) for sure, answers in parts])
    count = float(sizes.sum())
    plain = float((sizes * means**2).sum() / count)
    squared = float((sizes * (means**2 - variances / sizes)).sum() / count)
    # A bin without errors does not show that there are none: as if one more of each was seen.
    shares = np.array([(answers.sum() + 1.0) / (len(answers) + 2.0) for _, answers in parts])
    noise = np.maximum(variances, shares * (1.0 - shares))
    return Calibration(
        error=math.sqrt(max(squared, 0.0)),
        interval=_interval(plain, noise, count),
        squared_error=squared,
        overconfidence=float(confidence.mean() - correct.mean()),
        bins=[
            CalibrationBin(
                images=len(answers),
                confidence=float(sure.mean()),
                accuracy=float(answers.mean()),
                accuracy_interval=wilson_interval(int(answers.sum()), len(answers)),
            )
            for sure, answers in parts
        ],
    )


def _interval(squared: float, variances: np.ndarray, count: float) -> tuple[float, float]:
    """Return the 95 % interval of the error, from the plain squared error over `count` images.

    The plain error is nearly a multiple of a noncentral chi-square (Satterthwaite 1946), whose
    noncentrality is the true squared error; the interval holds those that do not contradict it.
    """
    scale = float((variances**2).sum() / variances.sum())
    freedom = float(variances.sum() / scale)
    seen = count * squared / scale

    def end(quantile: float) -> float:
        def is_below(noncentrality: float) -> bool:
            return _chi_square_normal(seen, freedom, noncentrality) > quantile

        most = seen + 10.0 * math.sqrt(seen + freedom) + 10.0 * freedom
        return math.sqrt(scale * _last_true(is_below, most) / count)

    return end(NORMAL_QUANTILE), end(-NORMAL_QUANTILE)


def _last_true(holds: Callable[[float], bool], most: float) -> float:
    """Return the largest number from 0 to `most` for which `holds`; 0: for none."""
    low, high = 0.0, most
    if not holds(low):
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _chi_square_normal(value: float, freedom: float, noncentrality: float) -> float:
    """Return the normal quantile of `value` in a noncentral chi-square distribution.

    The approximation is Sankaran's (1963, "Approximations to the non-central chi-square
    distribution"), accurate to some thousandths of the probability.
    """
    mean, spread = freedom + noncentrality, freedom + 2.0 * noncentrality
    power = 1.0 - 2.0 * mean * (freedom + 3.0 * noncentrality) / (3.0 * spread**2)
    ratio = spread / mean**2
    skew = (power - 1.0) * (1.0 - 3.0 * power)
    middle = 1.0 + power * ratio * (power - 1.0 - 0.5 * (2.0 - power) * skew * ratio)
    return ((value / mean) ** power - middle) / (
        power * math.sqrt(2.0 * ratio) * (1.0 + 0.5 * skew * ratio)
    )
