"""Scales of axes, linear and logarithmic: places of values, and the values to label."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_TICKS = 6
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # of linear axes, times a power of ten
WHOLE_STEPS = (1.0, 2.0, 5.0, 10.0)
# The labelled digits of each power of ten, from many to few, and then every so many powers.
DIGITS = ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
MARGIN = 0.06  # of a logarithmic axis, so that no point is cut off


@dataclass(frozen=True)
class Scale:
    """The values from `low` to `high` along an axis, and those that are labelled."""

    low: float
    high: float
    ticks: Sequence[float]
    is_logarithmic: bool = False

    def place(self, value: float) -> float:
        """Return the place of `value`: 0 at `low`, 100 at `high`."""
        low, high = self.low, self.high
        if self.is_logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return 100.0 * (value - low) / (high - low)


def linear_scale(
    values: Iterable[float],
    *,
    low: float | None = None,
    high: float | None = None,
    most_ticks: int = MOST_TICKS,
    whole: bool = False,
) -> Scale:
    """Return a linear scale of `values`, or from `low` to `high` where these are given.

    An end that is not given is a labelled value. With `whole`, only whole numbers are labelled.
    """
    known = [value for value in values if math.isfinite(value)]
    least = low if low is not None else min(known, default=0.0)
    most = high if high is not None else max(known, default=1.0)
    if most <= least:
        most = least + (abs(least) or 1.0)
    step = _step(most - least, most_ticks, WHOLE_STEPS if whole else STEPS)
    step = max(step, 1.0) if whole else step
    start = least if low is not None else math.floor(least / step + 1e-9) * step
    end = most if high is not None else math.ceil(most / step - 1e-9) * step
    first = math.ceil(start / step - 1e-9)
    last = math.floor(end / step + 1e-9)
    return Scale(start, end, [round(number * step, 12) for number in range(first, last + 1)])


def logarithmic_scale(values: Iterable[float], *, most_ticks: int = MOST_TICKS) -> Scale:
    """Return a logarithmic scale of the positive ones of `values`, with a margin at both ends."""
    known = [value for value in values if math.isfinite(value) and value > 0]
    least, most = min(known, default=1.0), max(known, default=10.0)
    span = max(math.log10(most / least), 0.3)
    margin = MARGIN * span + (span - math.log10(most / least)) / 2
    low, high = least / 10**margin, most * 10**margin
    return Scale(low, high, _round_values(low, high, most_ticks), is_logarithmic=True)


def _step(span: float, most_ticks: int, steps: Sequence[float]) -> float:
    rough = span / max(1, most_ticks - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step for step in steps if step * power >= rough * (1 - 1e-9)) * power


def _round_values(low: float, high: float, most: int) -> list[float]:
    """Return the round values between the ends: as many as `most` allows, of the same digits."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for digits in DIGITS:
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: -(-len(ticks) // most)]
