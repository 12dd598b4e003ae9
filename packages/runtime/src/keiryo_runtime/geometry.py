"""The geometry of fitting an image into the square that a model takes.

Training and the runtime share it. They differ only in what resamples: OpenCV in training, numpy in
the runtime.
"""

from math import ceil
from typing import Literal, NamedTuple, Protocol

import numpy as np

Fit = Literal["crop", "letterbox", "stretch"]
# The bars beside a letterboxed image: the middle of the range, near the mean of most sets.
BAR_COLOR = (128, 128, 128)
# Images are decoded at least this large, whatever size is wanted: the audit examines them.
SMALLEST_DECODED_SIDE = 256
# A JPEG is decoded at one of these fractions of its size.
JPEG_SCALES = (8, 4, 2)
# Above this shrinkage, each new pixel is the mean of enough old ones without further steps.
LARGEST_STEPPED_SHRINKAGE = 4


class Resample(Protocol):
    """A function that resamples an image (H, W, 3), uint8, to (height, width, 3), uint8."""

    def __call__(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray: ...


class Resampling(NamedTuple):
    """Two ways to resample.

    `interpolate` is linear between the centres of pixels. `average` takes the mean over the area of
    each new pixel, fractions of old ones included; neither side of the image grows.
    """

    interpolate: Resample
    average: Resample


def smallest_side_for(size: int) -> int:
    """Return the shorter side that an image must have when it is decoded for `size`."""
    return max(size, SMALLEST_DECODED_SIDE)


def decoding_scale(width: int, height: int, smallest_side: int) -> int:
    """Return the largest reduction by which the shorter side keeps `smallest_side` pixels."""
    fitting = (scale for scale in JPEG_SCALES if min(width, height) // scale >= smallest_side)
    return next(fitting, 1)


def fit_by(resampling: Resampling, pixels: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """Make the image (H, W, 3), uint8, a square (size, size, 3), uint8.

    `crop` scales the shorter side to `size` and cuts out the middle. `letterbox` scales the longer
    side to `size` and adds grey bars. `stretch` scales both sides to `size`.
    """
    height, width = pixels.shape[:2]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resize(resampling, pixels[top : top + side, left : left + side], size, size)
    if fit == "stretch":
        return _resize(resampling, pixels, size, size)
    scale = size / max(height, width)
    scaled_size = max(1, round(height * scale)), max(1, round(width * scale))
    scaled = _resize(resampling, pixels, *scaled_size)
    square = np.empty((size, size, 3), np.uint8)
    square[:] = BAR_COLOR
    top, left = (size - scaled.shape[0]) // 2, (size - scaled.shape[1]) // 2
    square[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return square


def _resize(resampling: Resampling, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    old_height, old_width = pixels.shape[:2]
    if (old_height, old_width) == (height, width):
        return np.ascontiguousarray(pixels)
    shrinkage = max(old_height / height, old_width / width)
    if shrinkage <= 1:
        return resampling.interpolate(pixels, height, width)
    if shrinkage > LARGEST_STEPPED_SHRINKAGE:
        # If one side grows, OpenCV interpolates along both, and details of the other side are lost
        # or become patterns. So shrink first.
        pixels = resampling.average(pixels, min(height, old_height), min(width, old_width))
        return _resize(resampling, pixels, height, width)
    # OpenCV's mean over areas is many times faster if they are whole pixels. So enlarge to the next
    # multiple of the new size, which loses nothing, and then shrink by that whole factor.
    times = ceil(shrinkage)
    larger = resampling.interpolate(pixels, height * times, width * times)
    return resampling.average(larger, height, width)
