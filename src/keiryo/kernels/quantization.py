"""Numbers as whole multiples of a scale."""

from typing import Any

import numpy as np
from numba import njit

from keiryo.kernels.team import FAST_MATH

LARGEST_INT8 = 127
LARGEST_INT16 = 32767
# So large may a sum of products be.
_LARGEST_INT32 = 2**31 - 1


def quantized_rows(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a matrix (rows, columns) as int8, and the scale (rows,) of each row, float32.

    A row's largest weight is 127 times its scale. A row of zeros has the scale 0.
    """
    scales = (np.abs(matrix).max(1) / LARGEST_INT8).astype(np.float32)
    whole = np.rint(matrix / np.where(scales == 0, 1, scales)[:, None])
    return np.clip(whole, -LARGEST_INT8, LARGEST_INT8).astype(np.int8), scales


@njit(fastmath=FAST_MATH)
def quantize(x: Any, columns: int, streams: int, whole: Any, scales: Any) -> None:
    """Write x (streams, columns), flat, as int16 to `whole`, flat too, with a scale each.

    Of more than 516 columns fewer bits are used, so that a sum of products with int8 does not
    overflow. Where x holds a NaN or an infinity, its scale is NaN, and so will products be.
    """
    most = np.float32(min(LARGEST_INT16, _LARGEST_INT32 // (LARGEST_INT8 * columns)))
    for stream in range(streams):
        source = x[stream * columns : (stream + 1) * columns]
        target = whole[stream * columns : (stream + 1) * columns]
        largest = np.float32(0)
        wrong = np.float32(0)
        for column in range(columns):
            size = abs(source[column])
            largest = size if size > largest else largest
            # 0 for finite numbers, NaN for others, which no comparison would let through.
            wrong += source[column] * np.float32(0)
        scales[stream] = largest / most + wrong
        factor = most / largest if largest > 0 else np.float32(0)
        for column in range(columns):
            target[column] = np.int16(np.rint(source[column] * factor))
