"""Quantisation: numbers as integers times a scale."""

from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.openmp import FAST_MATH
from keiryo.kernels.vector import larger, largest_lane, load, magnitude, spread, store_rounded

LARGEST_INT8 = 127
LARGEST_INT16 = 32767
_LARGEST_INT32 = 2**31 - 1  # the bound of a sum of products


def quantize_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix (rows, columns) as int8, and the scale (rows,) of each row, float32.

    A row's largest weight is 127 times its scale. A row of zeros has the scale 0.
    """
    scales = (np.abs(matrix).max(1) / LARGEST_INT8).astype(np.float32)
    whole = np.rint(matrix / np.where(scales == 0, 1, scales)[:, None])
    return np.clip(whole, -LARGEST_INT8, LARGEST_INT8).astype(np.int8), scales


@njit(fastmath=FAST_MATH)
def quantize(x: Any, columns: int, streams: int, whole: Any, scales: Any) -> None:
    """Write x (streams, columns), flat, as int16 to `whole`, flat too, with a scale per stream.

    With more than 516 columns fewer bits are used, so that a sum of products with int8 does
    not overflow. If x holds a NaN or an infinity, the scale is not finite either, and so the
    products are not.
    """
    most = np.float32(min(LARGEST_INT16, _LARGEST_INT32 // (LARGEST_INT8 * columns)))
    for stream in range(streams):
        first = stream * columns
        sizes = magnitude(load(x, first))
        for at in range(first + 16, first + columns, 16):
            sizes = larger(sizes, magnitude(load(x, at)))
        largest = largest_lane(sizes)
        scales[stream] = largest / most
        factor = spread(np.float32(0) if largest == 0 else most / largest)
        for at in range(first, first + columns, 16):
            store_rounded(whole, at, load(x, at), factor)
