"""Drawing one sample from what a network says of it, by numbers drawn before.

`keiryo.audio.sampling` says what is drawn, in NumPy.
"""

from math import exp, log
from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.team import FAST_MATH
from keiryo.kernels.vector import exponential, load, multiply_add, spread, store


@njit(fastmath=FAST_MATH)
def largest(logits: Any, first: int, count: int) -> int:
    """Return which of `count` logits from `first` on is the largest; -1 if one is not finite."""
    best = 0
    wrong = np.float32(0)
    for index in range(count):
        wrong += logits[first + index] * np.float32(0)
        if logits[first + index] > logits[first + best]:
            best = index
    return best if wrong == 0 else -1


@njit(fastmath=FAST_MATH)
def draw_code(
    logits: Any, first: int, count: int, temperature: Any, top_p: Any, draw: Any, weights: Any
) -> int:
    """Return a code drawn by its probability, softmax(logits / temperature), by inversion.

    `draw` is from [0, 1); of temperature 0 the largest logit is taken. With top_p below 1
    only the likeliest codes are drawn that together have at least that probability, and
    those as likely as the least of them. -1 where a logit is not finite. `logits` and
    `weights`, which is overwritten, must have room for whole vectors.
    """
    best = largest(logits, first, count)
    if best < 0 or temperature == 0:
        return best
    per_temperature = spread(np.float32(1 / temperature))
    offset = spread(np.float32(-logits[first + best] / temperature))
    for index in range(0, count, 16):
        shifted = multiply_add(load(logits, first + index), per_temperature, offset)
        store(weights, index, exponential(shifted))
    least = _least_likely(weights, count, top_p) if top_p < 1 else np.float32(0)
    total = 0.0
    for index in range(count):
        total += weights[index] if weights[index] >= least else np.float32(0)
    wanted = draw * total
    reached = 0.0
    last = best
    for index in range(count):
        if weights[index] >= least and weights[index] > 0:
            reached += weights[index]
            last = index
            if reached > wanted:
                return index
    return last


@njit(fastmath=FAST_MATH)
def _least_likely(weights: Any, count: int, top_p: Any) -> Any:
    """Return the largest weight such that those not smaller have the share `top_p`.

    Positive floats are in the order of their bits, so 31 halvings find it.
    """
    bits = weights.view(np.int32)
    total = 0.0
    for index in range(count):
        total += weights[index]
    wanted = top_p * total
    # Of all codes the share is reached; of those above infinity it is not.
    low, high = np.int32(0), np.int32(0x7F800000)
    while high - low > 1:
        middle = low + (high - low) // 2
        share = 0.0
        for index in range(count):
            share += weights[index] if bits[index] >= middle else np.float32(0)
        if share >= wanted:
            low = middle
        else:
            high = middle
    found = np.float32(np.inf)
    for index in range(count):
        if bits[index] >= low and weights[index] < found:
            found = weights[index]
    return found


@njit(fastmath=FAST_MATH)
def draw_level(
    outputs: Any,
    first: int,
    mixtures: int,
    levels: int,
    least_log_scale: Any,
    temperature: Any,
    draws: Any,
    draws_at: int,
    weights: Any,
) -> Any:
    """Return a sample from -1 to 1 drawn from a mixture of logistics; NaN where it is not finite.

    `outputs` from `first` on are logits, means and log scales of the components, `draws` two
    numbers from [0, 1): one for the component, one for the sample.
    """
    chosen = draw_code(
        outputs, first, mixtures, temperature, np.float32(1), draws[draws_at], weights
    )
    mean = float(outputs[first + mixtures + max(chosen, 0)])
    log_scale = float(outputs[first + 2 * mixtures + max(chosen, 0)])
    if chosen < 0 or not np.isfinite(mean) or np.isnan(log_scale):
        return np.nan
    sample = mean
    if temperature > 0:
        # 0 and 1 have no logit.
        draw = min(max(draws[draws_at + 1], 1e-12), 1 - 1e-12)
        scale = exp(max(log_scale, least_log_scale)) * temperature
        sample += scale * (log(draw) - log(1 - draw))
    sample = min(max(sample, -1.0), 1.0)
    level = np.rint((sample + 1) / 2 * (levels - 1))
    return level * 2 / (levels - 1) - 1
