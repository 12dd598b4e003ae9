"""Fitting an image of any shape into the square that a model takes, with numpy alone.

The arithmetic is that of OpenCV, which training uses, so that pixels are equal. Only means over
fractions of pixels are summed in another order, and then rarely differ by one level of 255.
"""

import numpy as np

from keiryo_runtime.geometry import Fit, Resampling, fit_by

# Linear interpolation computes with integers: shares are counted in 2048ths.
SHARES = 2048


def fit_image(pixels: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """Make the image (H, W, 3), uint8, a square (size, size, 3), uint8."""
    return fit_by(NUMPY, pixels, size, fit)


def _interpolate(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Interpolate linearly, rounded as in OpenCV's `HResizeLinear` and `VResizeLinear`."""
    lower, share = _neighbours(pixels.shape[1], width)
    last = pixels.shape[1] - 1
    # Beyond the middle of the outermost pixels, there is only one to take.
    share[(lower < 0) | (lower >= last)] = 0
    lower = lower.clip(0, last)
    upper = np.minimum(lower + 1, last)
    first_weight, second_weight = _weights(share)
    wide = pixels.astype(np.int32)
    rows = wide[:, lower] * first_weight[:, None] + wide[:, upper] * second_weight[:, None]

    lower, share = _neighbours(pixels.shape[0], height)
    last = pixels.shape[0] - 1
    first_weight, second_weight = (weight[:, None, None] for weight in _weights(share))
    first, second = rows[lower.clip(0, last)] >> 4, rows[(lower + 1).clip(0, last)] >> 4
    sums = ((first_weight * first) >> 16) + ((second_weight * second) >> 16)
    return ((sums + 2) >> 2).clip(0, 255).astype(np.uint8)


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel before the centre of each new pixel, and the share of the next one."""
    centres = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    lower = np.floor(centres)
    return lower.astype(int), centres - lower


def _weights(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.rint((1 - share) * SHARES), np.rint(share * SHARES)
    return first.astype(np.int32), second.astype(np.int32)


def _average(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    down, across = pixels.shape[0] // height, pixels.shape[1] // width
    if pixels.shape[:2] == (height * down, width * across):
        sums = pixels.reshape(height, down, width, across, 3).sum((1, 3), dtype=np.int32)
        if down == across == 2:
            return ((sums + 2) >> 2).astype(np.uint8)
        return np.rint(sums.astype(np.float32) * np.float32(1 / (down * across))).astype(np.uint8)
    rows = _areas(pixels.shape[0], height)
    columns = np.ascontiguousarray(_areas(pixels.shape[1], width).T)
    means = np.empty((height, width, 3), np.float32)
    # Channel by channel, each in one piece: a third of the memory, in half the time.
    for channel in range(3):
        values = np.ascontiguousarray(pixels[..., channel], np.float32)
        means[..., channel] = rows @ values @ columns
    return np.rint(means).clip(0, 255).astype(np.uint8)


def _areas(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of means over the area of each new pixel."""
    edges = np.arange(new + 1) * old / new
    starts, ends = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)[None]
    overlap = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return (overlap.clip(0) * new / old).astype(np.float32)


NUMPY = Resampling(_interpolate, _average)
