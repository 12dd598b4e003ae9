"""Batch norm and a clamp after it, forward and backward, in as few passes as possible.

Feature maps are rows of channels, as channels_last lays them out; `columns` may be a multiple
of `channels`, if several rows are processed as one wide row. Forward reads the input twice
and writes the output once. Backward recomputes from the input which values were clamped,
instead of storing the output; it reads input and gradient twice and writes once.

Each function returns a kernel for feature maps and their gradients of `kind`: numpy.float32,
numpy.float64, or numpy.uint16, which stands for bfloat16. With bfloat16, all other arrays and
all computation are float32. Sums are in double precision, as PyTorch's are.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.bfloat16 import narrow, number_type, widen
from keiryo.kernels.openmp import FAST_MATH, array_at, kernel, own_share, thread_number

# Number of rows that are summed in the data's own precision, then added in double precision.
BLOCK_ROWS = 128


@njit(fastmath=FAST_MATH)
def _total(partial_sums: Any, which: int, channel: int, channels: int) -> float:
    total = 0.0
    for thread in range(partial_sums.shape[0]):
        for column in range(channel, partial_sums.shape[2], channels):
            total += partial_sums[thread, which, column]
    return total


@cache
def sums(kind: Any) -> Any:
    """Sum x - x[0], and its square, per thread and column: mean and variance come from these.

    Arguments: threads, rows, columns, channels, x, partial sums (threads, 2, columns) of the
    differences and of their squares, which must be zero.
    """
    number = number_type(kind)

    def body(a: Any) -> None:
        threads, rows, columns, channels = a[0], a[1], a[2], a[3]
        x = array_at(a[4], (rows, columns), kind)
        partial_sums = array_at(a[5], (threads, 2, columns), np.float64)
        start, end = own_share(rows)
        own = partial_sums[thread_number()]
        block = np.empty((2, columns), number)
        reference = np.empty(columns, number)
        for column in range(columns):
            # It is near the mean, so that the squares keep their precision.
            reference[column] = widen(x[0, column % channels])
        for block_start in range(start, end, BLOCK_ROWS):
            block[:] = 0
            for row in range(block_start, min(end, block_start + BLOCK_ROWS)):
                for column in range(columns):
                    difference = widen(x[row, column]) - reference[column]
                    block[0, column] += difference
                    block[1, column] += difference * difference
            for column in range(columns):
                own[0, column] += block[0, column]
                own[1, column] += block[1, column]

    return kernel(body)


@cache
def statistics(kind: Any) -> Any:
    """Compute mean and deviation from the sums; update the running statistics.

    It runs on one thread. Arguments: threads that summed, rows, columns, channels, x, partial
    sums, figures (2,) in double precision: momentum, epsilon. Outputs: running mean, running
    variance (channels each) and statistics (2, channels): mean and 1 / deviation.
    """
    number = number_type(kind)

    def body(a: Any) -> None:
        threads, rows, columns, channels = a[0], a[1], a[2], a[3]
        x = array_at(a[4], (rows, columns), kind)
        partial_sums = array_at(a[5], (threads, 2, columns), np.float64)
        figures = array_at(a[6], (2,), np.float64)
        running_mean = array_at(a[7], (channels,), number)
        running_variance = array_at(a[8], (channels,), number)
        result = array_at(a[9], (2, channels), number)
        momentum, epsilon = figures[0], figures[1]
        count = rows * (columns // channels)
        for channel in range(channels):
            from_reference = _total(partial_sums, 0, channel, channels) / count
            square = _total(partial_sums, 1, channel, channels) / count
            variance = max(0.0, square - from_reference * from_reference)
            mean = widen(x[0, channel]) + from_reference
            result[0, channel] = mean
            result[1, channel] = 1.0 / np.sqrt(variance + epsilon)
            unbiased = variance * count / (count - 1)
            running_mean[channel] += momentum * (mean - running_mean[channel])
            running_variance[channel] += momentum * (unbiased - running_variance[channel])

    return kernel(body)


@cache
def normalize(kind: Any) -> Any:
    """Normalise, scale, shift and clamp.

    Arguments: rows, columns, channels, x, scale, shift, statistics (2, channels), limits
    (2,) in double precision: least, most. Output: y.
    """
    number = number_type(kind)

    def body(a: Any) -> None:
        rows, columns, channels = a[0], a[1], a[2]
        x = array_at(a[3], (rows, columns), kind)
        scale = array_at(a[4], (channels,), number)
        shift = array_at(a[5], (channels,), number)
        given = array_at(a[6], (2, channels), number)
        limits = array_at(a[7], (2,), np.float64)
        y = array_at(a[8], (rows, columns), kind)
        least, most = number(limits[0]), number(limits[1])
        factor = np.empty(columns, number)
        offset = np.empty(columns, number)
        for column in range(columns):
            channel = column % channels
            per_deviation = float(given[1, channel])
            factor[column] = scale[channel] * per_deviation
            offset[column] = shift[channel] - given[0, channel] * (scale[channel] * per_deviation)
        start, end = own_share(rows)
        for row in range(start, end):
            for column in range(columns):
                value = widen(x[row, column]) * factor[column] + offset[column]
                # In this form, NaN stays NaN.
                value = least if value < least else (most if value > most else value)
                y[row, column] = narrow(y, value)

    return kernel(body)


@cache
def gradient_sums(kind: Any) -> Any:
    """Sum the gradient of the values that were not clamped, and that gradient times x - mean.

    Arguments: threads, rows, columns, channels, x, gradient of y, scale, shift, statistics
    (2, channels), limits (2,) in double precision: least, most. Output: partial sums (threads,
    2, columns), which must be zero.
    """
    number = number_type(kind)

    def body(a: Any) -> None:
        threads, rows, columns, channels = a[0], a[1], a[2], a[3]
        x = array_at(a[4], (rows, columns), kind)
        gradient = array_at(a[5], (rows, columns), kind)
        scale = array_at(a[6], (channels,), number)
        shift = array_at(a[7], (channels,), number)
        statistics = array_at(a[8], (2, channels), number)
        limits = array_at(a[9], (2,), np.float64)
        partial_sums = array_at(a[10], (threads, 2, columns), np.float64)
        least, most = number(limits[0]), number(limits[1])
        mean = np.empty(columns, number)
        factor = np.empty(columns, number)
        offset = np.empty(columns, number)
        for column in range(columns):
            channel = column % channels
            mean[column] = statistics[0, channel]
            factor[column] = scale[channel] * statistics[1, channel]
            offset[column] = shift[channel]
        start, end = own_share(rows)
        own = partial_sums[thread_number()]
        block = np.empty((2, columns), number)
        zero = number(0)
        for block_start in range(start, end, BLOCK_ROWS):
            block[:] = 0
            for row in range(block_start, min(end, block_start + BLOCK_ROWS)):
                for column in range(columns):
                    difference = widen(x[row, column]) - mean[column]
                    value = difference * factor[column] + offset[column]
                    passed = widen(gradient[row, column])
                    passed = zero if (value <= least or value >= most) else passed
                    block[0, column] += passed
                    block[1, column] += passed * difference
            for column in range(columns):
                own[0, column] += block[0, column]
                own[1, column] += block[1, column]

    return kernel(body)


@cache
def input_gradient(kind: Any) -> Any:
    """Compute the gradients of x, scale and shift from the sums.

    Ioffe & Szegedy 2015, "Batch Normalization", section 3, the equations after algorithm 1.

    Arguments: those of `gradient_sums`. Outputs: the gradients of x, scale and shift.
    """
    number = number_type(kind)

    def body(a: Any) -> None:
        threads, rows, columns, channels = a[0], a[1], a[2], a[3]
        x = array_at(a[4], (rows, columns), kind)
        gradient = array_at(a[5], (rows, columns), kind)
        scale = array_at(a[6], (channels,), number)
        shift = array_at(a[7], (channels,), number)
        statistics = array_at(a[8], (2, channels), number)
        limits = array_at(a[9], (2,), np.float64)
        partial_sums = array_at(a[10], (threads, 2, columns), np.float64)
        x_gradient = array_at(a[11], (rows, columns), kind)
        scale_gradient = array_at(a[12], (channels,), number)
        shift_gradient = array_at(a[13], (channels,), number)
        least, most = number(limits[0]), number(limits[1])
        is_first = thread_number() == 0
        count = rows * (columns // channels)
        mean = np.empty(columns, number)
        factor = np.empty(columns, number)
        offset = np.empty(columns, number)
        common = np.empty(columns, number)
        slope = np.empty(columns, number)
        for channel in range(channels):
            total = _total(partial_sums, 0, channel, channels)
            moment = _total(partial_sums, 1, channel, channels)
            per_deviation = float(statistics[1, channel])
            if is_first:
                scale_gradient[channel] = moment * per_deviation
                shift_gradient[channel] = total
            for column in range(channel, columns, channels):
                mean[column] = statistics[0, channel]
                factor[column] = scale[channel] * per_deviation
                offset[column] = shift[channel]
                common[column] = total / count
                slope[column] = moment / count * per_deviation * per_deviation
        start, end = own_share(rows)
        zero = number(0)
        for row in range(start, end):
            for column in range(columns):
                difference = widen(x[row, column]) - mean[column]
                value = difference * factor[column] + offset[column]
                passed = widen(gradient[row, column])
                passed = zero if (value <= least or value >= most) else passed
                passed = passed - common[column] - difference * slope[column]
                x_gradient[row, column] = narrow(x_gradient, passed * factor[column])

    return kernel(body)
