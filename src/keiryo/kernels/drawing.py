"""One sample drawn from a network's outputs, by random numbers that were drawn before.

`keiryo.audio.generation.sampling` does the same in PyTorch.
"""

from math import exp, log
from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.openmp import FAST_MATH
from keiryo.kernels.vector import (
    add,
    exponential,
    float_of_bits,
    load,
    multiply_add,
    spread,
    store,
    sum_of_lanes,
    zero_below,
)


@njit(fastmath=FAST_MATH)
def index_of_largest(logits: Any, first: int, count: int) -> int:
    """Return the index of the largest of `count` logits from `first` on; -1: one is not finite."""
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
    """Return a code drawn from softmax(logits / temperature) by inversion.

    `draw` is from [0, 1); temperature 0 takes the largest logit. With top_p below 1, only
    the likeliest codes that together have at least that probability are drawn, and those
    as likely as the least of them. Returns -1 if a logit is not finite. `logits` and
    `weights`, which is overwritten, must have room for whole vectors.
    """
    best = index_of_largest(logits, first, count)
    if best < 0 or temperature == 0:
        return best
    per_temperature = spread(np.float32(1 / temperature))
    padded_count = (count + 15) // 16 * 16
    offset = spread(np.float32(-logits[first + best] / temperature))
    for index in range(0, padded_count, 16):
        shifted = multiply_add(load(logits, first + index), per_temperature, offset)
        store(weights, index, exponential(shifted))
    for index in range(count, padded_count):
        weights[index] = 0
    if top_p < 1:
        _zero_unlikely(weights, padded_count, np.float32(top_p))
    total = 0.0
    for index in range(count):
        total += weights[index]
    wanted = draw * total
    reached = 0.0
    for index in range(count):
        reached += weights[index]
        if reached > wanted:
            return index
    return best


@njit(fastmath=FAST_MATH)
def _share(weights: Any, count: int, least: Any) -> Any:
    total = spread(np.float32(0))
    for index in range(0, count, 16):
        total = add(total, zero_below(load(weights, index), least))
    return sum_of_lanes(total)


@njit(fastmath=FAST_MATH)
def _zero_unlikely(weights: Any, count: int, top_p: Any) -> None:
    """Set to 0 all weights below a threshold: the largest that keeps the share `top_p`.

    Positive floats are in the order of their bits, so 31 halvings find it.
    """
    wanted = top_p * _share(weights, count, spread(np.float32(0)))
    # The threshold 0 keeps the share, infinity does not.
    low, high = np.int32(0), np.int32(0x7F800000)
    while high - low > 1:
        middle = np.int32(low + (high - low) // 2)
        if _share(weights, count, spread(float_of_bits(middle))) >= wanted:
            low = middle
        else:
            high = middle
    least = spread(float_of_bits(low))
    for index in range(0, count, 16):
        store(weights, index, zero_below(load(weights, index), least))


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
    """Return a sample from -1 to 1 drawn from a mixture of logistics; NaN if it is not finite.

    `outputs` from `first` on are logits, means and log scales of the components. `draws` from
    `draws_at` on are two numbers from [0, 1): one for the component, one for the sample.
    """
    chosen = draw_code(outputs, first, mixtures, temperature, 1.0, draws[draws_at], weights)
    mean = float(outputs[first + mixtures + max(chosen, 0)])
    log_scale = float(outputs[first + 2 * mixtures + max(chosen, 0)])
    if chosen < 0 or not np.isfinite(mean) or np.isnan(log_scale):
        return np.nan
    sample = mean
    if temperature > 0:
        # The logit of 0 and 1 is infinite.
        draw = min(max(draws[draws_at + 1], 1e-12), 1 - 1e-12)
        scale = exp(max(log_scale, least_log_scale)) * temperature
        sample += scale * (log(draw) - log(1 - draw))
    sample = min(max(sample, -1.0), 1.0)
    level = np.rint((sample + 1) / 2 * (levels - 1))
    return level * 2 / (levels - 1) - 1
