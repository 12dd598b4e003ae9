"""Matrices times vectors, for weights that are read from front to back.

`pack_matrix` lays a matrix (rows, columns) out in blocks of rows: as many of 64 as fit, then one
of 32 and one of 16 if that many are left. Within a block, the weights of one column, or of two,
are next to each other for all its rows. So lanes need not be added up, and each weight is read
once, in order. Rows and columns are whole vectors.
"""

from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.accumulators import (
    accumulate,
    add_sums,
    columns_at_once,
    columns_taken,
    zero_sums,
)
from keiryo.kernels.openmp import FAST_MATH
from keiryo.kernels.vector import LANES

BLOCK_ROWS = (4 * LANES, 2 * LANES, LANES)


def pad_to_vectors(count: int) -> int:
    """Return `count`, rounded up to whole vectors."""
    return -(-count // LANES) * LANES


def pack_matrix(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix (rows, columns) of float32 or int8 as a flat array for `multiply`.

    Rows and columns must be multiples of 16.
    """
    rows, columns = matrix.shape
    together = columns_at_once(matrix.dtype)
    blocks = []
    row = 0
    for width in BLOCK_ROWS:
        while rows - row >= width:
            block = matrix[row : row + width].reshape(width, columns // together, together)
            blocks.append(block.transpose(1, 0, 2).ravel())
            row += width
    return np.concatenate(blocks)


@njit(fastmath=FAST_MATH)
def multiply(
    weights: Any,
    start: int,
    scales: Any,
    first_scale: int,
    rows: int,
    columns: int,
    streams: int,
    x: Any,
    x_width: int,
    x_scales: Any,
    y: Any,
    y_width: int,
) -> None:
    """Add to each stream's y the product of one packed matrix with the stream's x.

    `weights` from `start` on are the matrix; x (streams, x_width) and y (streams, y_width)
    are flat. For int8, `scales` from `first_scale` on are those of the rows, and `x_scales`
    (streams) those of x; for float32 no scale is read.
    """
    row = 0
    at = start
    while row < rows:
        width = 64 if rows - row >= 64 else (32 if rows - row >= 32 else 16)
        scale = first_scale + row
        stream = 0
        while streams - stream >= 4:
            for part in range(0, width, 16):
                _four_streams(
                    *(weights, at + part * columns_taken(weights), width, scales, scale + part),
                    *(columns, x, x_width, x_scales, y, y_width, stream, row + part),
                )
            stream += 4
        while stream < streams:
            x_at, y_at, x_scale = stream * x_width, stream * y_width + row, x_scales[stream]
            if width == 64:
                _four_vectors(weights, at, scales, scale, columns, x, x_at, x_scale, y, y_at)
            elif width == 32:
                _two_vectors(weights, at, scales, scale, columns, x, x_at, x_scale, y, y_at)
            else:
                _one_vector(weights, at, scales, scale, columns, x, x_at, x_scale, y, y_at)
            stream += 1
        row += width
        at += width * columns


# Each row's products are added one after the other, so that its sum has the same bits in all of
# these functions. Several vectors of sums are computed at once, so that none waits for another.


@njit(fastmath=FAST_MATH)
def _four_vectors(
    weights: Any, at: int, scales: Any, scale: int, columns: int, x: Any, x_at: int, x_scale: Any,
    y: Any, y_at: int,
) -> None:  # fmt: skip
    together = columns_taken(weights)
    vector = 16 * together
    a = b = c = d = zero_sums(weights)
    for column in range(x_at, x_at + columns, together):
        a = accumulate(a, weights, at, x, column)
        b = accumulate(b, weights, at + vector, x, column)
        c = accumulate(c, weights, at + 2 * vector, x, column)
        d = accumulate(d, weights, at + 3 * vector, x, column)
        at += 4 * vector
    add_sums(a, scales, scale, x_scale, y, y_at)
    add_sums(b, scales, scale + 16, x_scale, y, y_at + 16)
    add_sums(c, scales, scale + 32, x_scale, y, y_at + 32)
    add_sums(d, scales, scale + 48, x_scale, y, y_at + 48)


@njit(fastmath=FAST_MATH)
def _two_vectors(
    weights: Any, at: int, scales: Any, scale: int, columns: int, x: Any, x_at: int, x_scale: Any,
    y: Any, y_at: int,
) -> None:  # fmt: skip
    together = columns_taken(weights)
    vector = 16 * together
    a = b = zero_sums(weights)
    for column in range(x_at, x_at + columns, together):
        a = accumulate(a, weights, at, x, column)
        b = accumulate(b, weights, at + vector, x, column)
        at += 2 * vector
    add_sums(a, scales, scale, x_scale, y, y_at)
    add_sums(b, scales, scale + 16, x_scale, y, y_at + 16)


@njit(fastmath=FAST_MATH)
def _one_vector(
    weights: Any, at: int, scales: Any, scale: int, columns: int, x: Any, x_at: int, x_scale: Any,
    y: Any, y_at: int,
) -> None:  # fmt: skip
    together = columns_taken(weights)
    a = zero_sums(weights)
    for column in range(x_at, x_at + columns, together):
        a = accumulate(a, weights, at, x, column)
        at += 16 * together
    add_sums(a, scales, scale, x_scale, y, y_at)


@njit(fastmath=FAST_MATH)
def _four_streams(
    weights: Any, at: int, width: int, scales: Any, scale: int, columns: int, x: Any, x_width: int,
    x_scales: Any, y: Any, y_width: int, stream: int, row: int,
) -> None:  # fmt: skip
    together = columns_taken(weights)
    a = b = c = d = zero_sums(weights)
    first = stream * x_width
    for column in range(first, first + columns, together):
        a = accumulate(a, weights, at, x, column)
        b = accumulate(b, weights, at, x, column + x_width)
        c = accumulate(c, weights, at, x, column + 2 * x_width)
        d = accumulate(d, weights, at, x, column + 3 * x_width)
        at += width * together
    y_at = stream * y_width + row
    add_sums(a, scales, scale, x_scales[stream], y, y_at)
    add_sums(b, scales, scale, x_scales[stream + 1], y, y_at + y_width)
    add_sums(c, scales, scale, x_scales[stream + 2], y, y_at + 2 * y_width)
    add_sums(d, scales, scale, x_scales[stream + 3], y, y_at + 3 * y_width)
