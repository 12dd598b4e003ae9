"""Fitting an image of any shape into the square that a network takes.

Training, evaluation and prediction all use this module, so that a network gets new images prepared
like its training images.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from keiryo.data.image.decoding import DecodedImage, decode_image, read_image

if TYPE_CHECKING:  # at run time, this would load pydantic in each process that reads images
    from keiryo.records.data import Fit

DEFAULT_SIZE = 224  # that of ImageNet, for which the networks were designed
# The bars beside a letterboxed image: the middle of the range, near the mean of most sets.
BAR_COLOR = (128, 128, 128)
# Images are decoded at least this large to examine them, whatever size is wanted.
SMALLEST_EXAMINED_SIDE = 256
# Above this shrinkage, each new pixel is the mean of enough old ones without further steps.
LARGEST_STEPPED_SHRINKAGE = 4


def smallest_side_for(size: int) -> int:
    """Return the shorter side that an image must have when it is decoded for `size`."""
    return max(size, SMALLEST_EXAMINED_SIDE)


def read_for_size(path: Path, size: int) -> DecodedImage:
    """Decode the image at `path` no larger than fitting it to `size` needs.

    Raises UnreadableImageError as `keiryo.data.image.decoding.read_image`.
    """
    return read_image(path, smallest_side=smallest_side_for(size))


def decode_for_size(data: bytes, size: int, *, suffix: str) -> DecodedImage:
    """Decode the bytes of an image file no larger than fitting it to `size` needs."""
    return decode_image(data, suffix=suffix, smallest_side=smallest_side_for(size))


def fit_image(pixels: np.ndarray, size: int, fit: "Fit") -> np.ndarray:
    """Make the image (H, W, 3), uint8, a square (size, size, 3).

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
    scaled = _resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    square = np.empty((size, size, 3), np.uint8)
    square[:] = BAR_COLOR
    top, left = (size - scaled.shape[0]) // 2, (size - scaled.shape[1]) // 2
    square[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return square


def _resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    shrinkage = max(pixels.shape[0] / height, pixels.shape[1] / width)
    if shrinkage <= 1:
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if shrinkage > LARGEST_STEPPED_SHRINKAGE:
        # If one side grows, OpenCV interpolates along both, and details of the other side are lost
        # or become patterns. So shrink first.
        smaller = (min(width, pixels.shape[1]), min(height, pixels.shape[0]))
        pixels = cv2.resize(pixels, smaller, interpolation=cv2.INTER_AREA)
        return _resize(pixels, width, height)
    # OpenCV's mean over areas is many times faster if they are whole pixels. So enlarge to the next
    # multiple of the new size, which loses nothing, and then shrink by that whole factor.
    times = int(np.ceil(shrinkage))
    multiple = (width * times, height * times)
    larger = cv2.resize(pixels, multiple, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(larger, (width, height), interpolation=cv2.INTER_AREA)
