"""Fitting an image of any shape into the square that a model takes.

It computes what `keiryo.data.image.fit` computes with OpenCV in training, in numpy, to within one
level of 255. Each axis is resized by a matrix product.
"""

from typing import Literal

import numpy as np

Fit = Literal["crop", "letterbox", "stretch"]
# The bars beside a letterboxed image.
BAR_COLOR = (128, 128, 128)
# Below this shrinkage, an axis is first enlarged to a multiple of its new length.
LARGEST_STEPPED_SHRINKAGE = 4


def fit_image(pixels: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """Make the image (H, W, 3), uint8, a square (size, size, 3), uint8.

    `crop` scales the shorter side to `size` and cuts out the middle. `letterbox` scales the longer
    side to `size` and adds grey bars. `stretch` scales both sides to `size`.
    """
    height, width = pixels.shape[:2]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resize(pixels[top : top + side, left : left + side], size, size)
    if fit == "stretch":
        return _resize(pixels, size, size)
    scale = size / max(height, width)
    scaled = _resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    square = np.empty((size, size, 3), np.uint8)
    square[:] = BAR_COLOR
    top, left = (size - scaled.shape[0]) // 2, (size - scaled.shape[1]) // 2
    square[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return square


def _resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize the image (H, W, 3), uint8, to (height, width, 3)."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    shrinkage = max(pixels.shape[0] / height, pixels.shape[1] / width)
    rows = _weights(pixels.shape[0], height, shrinkage)
    columns = _weights(pixels.shape[1], width, shrinkage)
    channels_first = pixels.transpose(2, 0, 1).astype(np.float32)
    resized = rows @ channels_first @ columns.T
    return np.rint(resized).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def _weights(old: int, new: int, shrinkage: float) -> np.ndarray:
    """Return the matrix (new, old) that resizes an axis, if the image shrinks by `shrinkage`."""
    if shrinkage <= 1:
        return _linear_weights(old, new)
    if shrinkage > LARGEST_STEPPED_SHRINKAGE:
        return _area_weights(old, new)
    times = int(np.ceil(shrinkage))
    means = np.repeat(np.eye(new, dtype=np.float32) / times, times, axis=1)
    return means @ _linear_weights(old, new * times)


def _linear_weights(old: int, new: int) -> np.ndarray:
    """Return the matrix of linear interpolation between the centres of pixels."""
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    centres = centres.clip(0, old - 1)
    lower = np.minimum(np.floor(centres).astype(int), max(old - 2, 0))
    share = (centres - lower).astype(np.float32)
    weights = np.zeros((new, old), np.float32)
    rows = np.arange(new)
    weights[rows, lower] = 1 - share
    if old > 1:
        weights[rows, lower + 1] += share
    return weights


def _area_weights(old: int, new: int) -> np.ndarray:
    """Return the matrix of means over the area of each new pixel, fractions included."""
    if old < new:  # the other axis shrinks
        return _linear_weights(old, new)
    edges = np.arange(new + 1) * old / new
    starts, ends = edges[:-1, None], edges[1:, None]
    pixels = np.arange(old)[None]
    overlap = np.minimum(ends, pixels + 1) - np.maximum(starts, pixels)
    return (overlap.clip(0) * new / old).astype(np.float32)
