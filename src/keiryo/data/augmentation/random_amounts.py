"""The random numbers of a batch's augmentation, drawn at once.

They are applied on the processor by any number of threads, or on the device that trains.
"""

from dataclasses import dataclass

import numpy as np

from keiryo.data.augmentation import affine
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.augmentation.random_operations import UNCHANGED, draw_operations


@dataclass(frozen=True)
class Mixing:
    """The mixing of each image of a batch with another one, its partner.

    Inside `boxes` (N, 4), in whole pixels (left, top, right, bottom), image `partners` (N,) covers
    the image itself with `opacities` (N,) from 0 to 1. `weights` (N,), float32, are the weights of
    the image's own label; the partner's label has the rest.
    """

    partners: np.ndarray
    boxes: np.ndarray
    opacities: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class BatchAugmentation:
    """The augmentation of each image of a batch, in this order.

    - `warps` (N, 2, 3) map new pixel positions to old ones; pixel centres are at whole numbers.
    - `colors` (N, 3, 4) map old RGB values to new ones.
    - `tables` (N, 256), uint8, map old values of any channel to new ones.
    - `cutouts` (N, 4), in whole pixels (left, top, right, bottom), are blanked out.
    - `mixing` mixes each image with another one of the batch.
    """

    warps: np.ndarray
    colors: np.ndarray
    tables: np.ndarray | None = None
    cutouts: np.ndarray | None = None
    mixing: Mixing | None = None

    def have_warp(self) -> np.ndarray:
        """Return (N,), bool: true if the image has a warp."""
        return np.any(self.warps != np.eye(2, 3), axis=(1, 2))

    def have_colors(self) -> np.ndarray:
        """Return (N,), bool: true if the image has a colour map."""
        return np.any(self.colors != np.eye(3, 4), axis=(1, 2))

    def have_table(self) -> np.ndarray:
        """Return (N,), bool: true if the image has a table."""
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
        degrees = _draw_either_way(augmentation.rotation, count, random)
        planes = planes @ affine.about_center(affine.rotation(degrees), size)
    if augmentation.hue:
        colors = colors @ affine.hue(_draw_either_way(augmentation.hue, count, random))
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
    """Return a map (N, 3, 3) for each image, from new pixel positions to old ones."""
    area = random.uniform(augmentation.smallest_area, 1.0, count)
    log_aspect = np.log(augmentation.largest_aspect)
    aspect = np.exp(random.uniform(-log_aspect, log_aspect, count))
    # In whole pixels: cutting out and resizing is several times faster than warping.
    width = np.rint(size * np.minimum(1.0, np.sqrt(area * aspect))).clip(1)
    height = np.rint(size * np.minimum(1.0, np.sqrt(area / aspect))).clip(1)
    left = np.rint(random.uniform(0.0, 1.0, count) * (size - width))
    top = np.rint(random.uniform(0.0, 1.0, count) * (size - height))
    mirrored = (random.random(count) < 0.5) & augmentation.flip
    across = np.where(mirrored, -width, width)
    left = np.where(mirrored, left + width, left)
    # The corner of a pixel is half a pixel from its centre.
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
    """Return an affine map (N, 4, 4) of the RGB values of each image."""
    saturation = 1.0 + _draw_either_way(augmentation.saturation, count, random)
    contrast = 1.0 + _draw_either_way(augmentation.contrast, count, random)
    brightness = 1.0 + _draw_either_way(augmentation.brightness, count, random)
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
    # The partner is the next image in a random ring, so that none is its own partner.
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
    """Return squares (N, 4) in whole pixels around random pixels, cut off at the border.

    `sides` (N,) are shares of the image's side.
    """
    count = len(sides)
    pixels = np.rint(sides * size).astype(np.int64)[:, None]
    first = random.integers(size, size=(count, 2)) - pixels // 2
    return np.concatenate((first, first + pixels), axis=1).clip(0, size)


def _draw_either_way(most: float, count: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(-most, most, count)
