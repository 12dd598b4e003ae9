"""All random numbers of a batch of images, drawn at once.

The processor, with any number of threads, or the device that trains applies them.
"""

from dataclasses import dataclass

import numpy as np

from keiryo.data.augmentation import affine
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.augmentation.random_operations import UNCHANGED, draw_operations


@dataclass(frozen=True)
class Mixing:
    """The part of another image that each image of a batch is mixed with.

    Inside `boxes` (N, 4), in whole pixels (left, top, right, bottom), the image
    `partners` (N,) covers the own one with `opacities` (N,) from 0 to 1. `weights`
    (N,), float32, are what the own label then counts; the partner's counts the rest.
    """

    partners: np.ndarray
    boxes: np.ndarray
    opacities: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class BatchAugmentation:
    """The augmentation of each image of a batch, in this order.

    - `warps` (N, 2, 3) map new pixels to old ones; pixel centres lie at whole numbers.
    - `colors` (N, 3, 4) map old RGB values to new ones.
    - `tables` (N, 256), uint8, map old values of any channel to new ones.
    - `cutouts` (N, 4), in whole pixels (left, top, right, bottom), are blanked out.
    - `mixing` joins each image with another one of the batch.
    """

    warps: np.ndarray
    colors: np.ndarray
    tables: np.ndarray | None = None
    cutouts: np.ndarray | None = None
    mixing: Mixing | None = None

    def moves(self) -> np.ndarray:
        """Return (N,): whether an image's warp is more than nothing."""
        return np.any(self.warps != np.eye(2, 3), axis=(1, 2))

    def recolors(self) -> np.ndarray:
        """Return (N,): whether an image's colour map is more than nothing."""
        return np.any(self.colors != np.eye(3, 4), axis=(1, 2))

    def replaces(self) -> np.ndarray:
        """Return (N,): whether an image's table is more than nothing."""
        if self.tables is None:
            return np.zeros(len(self.warps), bool)
        return np.any(self.tables != UNCHANGED, axis=1)


def draw_augmentation(
    count: int, size: int, random: np.random.Generator, augmentation: Augmentation
) -> BatchAugmentation:
    """Return the augmentation of a batch of `count` images of `size` x `size` pixels."""
    planes = _draw_crops(count, size, random, augmentation)
    colors = _draw_colors(count, random, augmentation)
    tables = None
    if augmentation.rotation:
        degrees = _either_way(augmentation.rotation, count, random)
        planes = planes @ affine.about_center(affine.rotation(degrees), size)
    if augmentation.hue:
        colors = colors @ affine.hue(_either_way(augmentation.hue, count, random))
    if augmentation.random_operations:
        operations = draw_operations(
            count,
            size,
            random,
            operations=augmentation.random_operations,
            magnitude=augmentation.magnitude,
        )
        planes = planes @ operations.planes
        colors = operations.colors @ colors
        tables = operations.tables
    return BatchAugmentation(
        warps=planes[:, :2],
        colors=colors[:, :3],
        tables=tables,
        cutouts=_draw_cutouts(count, size, random, augmentation),
        mixing=_draw_mixing(count, size, random, augmentation),
    )


def _draw_crops(
    count: int, size: int, random: np.random.Generator, augmentation: Augmentation
) -> np.ndarray:
    """Return (N, 3, 3): for each image the map from its new pixels to its old ones."""
    area = random.uniform(augmentation.smallest_area, 1.0, count)
    log_aspect = np.log(augmentation.largest_aspect)
    aspect = np.exp(random.uniform(-log_aspect, log_aspect, count))
    # In whole pixels, which can be cut out and resized several times faster than warped.
    width = np.rint(size * np.minimum(1.0, np.sqrt(area * aspect))).clip(1)
    height = np.rint(size * np.minimum(1.0, np.sqrt(area / aspect))).clip(1)
    left = np.rint(random.uniform(0.0, 1.0, count) * (size - width))
    top = np.rint(random.uniform(0.0, 1.0, count) * (size - height))
    mirrored = (random.random(count) < 0.5) & augmentation.flip
    across = np.where(mirrored, -width, width)
    left = np.where(mirrored, left + width, left)
    # The corners of pixels lie half a pixel from their centres.
    corner = np.array(0.5)
    scales = np.zeros((count, 3, 3))
    scales[:, 0, 0] = across / size
    scales[:, 1, 1] = height / size
    scales[:, 2, 2] = 1.0
    return (
        affine.translation(left - corner, top - corner)
        @ scales
        @ affine.translation(corner, corner)
    )


def _draw_colors(count: int, random: np.random.Generator, augmentation: Augmentation) -> np.ndarray:
    """Return (N, 4, 4): for each image an affine map of its RGB values."""
    saturation = 1.0 + _either_way(augmentation.saturation, count, random)
    contrast = 1.0 + _either_way(augmentation.contrast, count, random)
    brightness = 1.0 + _either_way(augmentation.brightness, count, random)
    return affine.brightness(brightness) @ affine.contrast(contrast) @ affine.saturation(saturation)


def _draw_cutouts(
    count: int, size: int, random: np.random.Generator, augmentation: Augmentation
) -> np.ndarray | None:
    if not augmentation.cutout:
        return None
    return _draw_boxes(np.full(count, augmentation.cutout), size, random)


def _draw_mixing(
    count: int, size: int, random: np.random.Generator, augmentation: Augmentation
) -> Mixing | None:
    if count < 2 or not (augmentation.mixup or augmentation.cutmix):
        return None
    # Each to the next in a random ring, so that none is its own partner.
    ring = random.permutation(count)
    partners = np.empty(count, np.int64)
    partners[ring] = np.roll(ring, 1)
    pasted = random.random(count) < 0.5
    if not (augmentation.mixup and augmentation.cutmix):
        pasted[:] = augmentation.cutmix > 0
    alpha = np.where(pasted, augmentation.cutmix, augmentation.mixup)
    taken = random.beta(alpha, alpha)
    pastes = _draw_boxes(np.sqrt(taken), size, random)
    boxes = np.where(pasted[:, None], pastes, (0, 0, size, size))
    opacities = np.where(pasted, 1.0, taken)
    covered = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / size**2
    return Mixing(partners, boxes, opacities, (1.0 - opacities * covered).astype(np.float32))


def _draw_boxes(sides: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Return squares (N, 4) in whole pixels around random ones, cut off at the border.

    `sides` (N,) are shares of the image's.
    """
    count = len(sides)
    pixels = np.rint(sides * size).astype(np.int64)[:, None]
    first = random.integers(size, size=(count, 2)) - pixels // 2
    return np.concatenate((first, first + pixels), axis=1).clip(0, size)


def _either_way(most: float, count: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(-most, most, count)
