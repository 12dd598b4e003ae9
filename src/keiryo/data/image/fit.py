"""Fitting an image of any shape into the square that a network takes.

Training, evaluation and prediction all use this module, so that a network gets new images prepared
like its training images. The geometry is that of the runtime (`keiryo_runtime.geometry`); OpenCV
resamples.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from keiryo.data.image.decoding import DecodedImage, decode_image, read_image
from keiryo_runtime.geometry import Resampling, fit_by, smallest_side_for

if TYPE_CHECKING:  # at run time, this would load pydantic in each process that reads images
    from keiryo.records.data import Fit

DEFAULT_SIZE = 224  # that of ImageNet, for which the networks were designed


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
    return fit_by(OPENCV, pixels, size, fit)


def _interpolate(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)


def _average(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


OPENCV = Resampling(_interpolate, _average)
