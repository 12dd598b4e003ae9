"""Random operations on an image; any number of them make one warp, one colour map and one table.

They follow RandAugment (Cubuk et al. 2020) and its ranges. Three of its fourteen operations are
left out, since they cannot be composed: equalize and autocontrast depend on the image's histogram,
sharpness on the neighbours of each pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from keiryo.data.augmentation import affine

LARGEST_ROTATION_DEGREES = 30.0
LARGEST_SHEAR = 0.3
LARGEST_TRANSLATION = 0.45  # of the image's side
LARGEST_COLOR_CHANGE = 0.9
MOST_BITS_DROPPED = 4

ZEROS = np.zeros(2)
UNCHANGED = np.arange(256, dtype=np.uint8)

# From the strength in both directions, (2,), to maps (2, 3, 3) about the centre of an image of
# side 1.
PLANE_OPERATIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda strength: affine.rotation(LARGEST_ROTATION_DEGREES * strength),
    lambda strength: affine.shear(LARGEST_SHEAR * strength, ZEROS),
    lambda strength: affine.shear(ZEROS, LARGEST_SHEAR * strength),
    lambda strength: affine.translation(LARGEST_TRANSLATION * strength, ZEROS),
    lambda strength: affine.translation(ZEROS, LARGEST_TRANSLATION * strength),
)
# From the strength in both directions, (2,), to maps (2, 4, 4) of colours.
COLOR_OPERATIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda strength: affine.brightness(1.0 + LARGEST_COLOR_CHANGE * strength),
    lambda strength: affine.contrast(1.0 + LARGEST_COLOR_CHANGE * strength),
    lambda strength: affine.saturation(1.0 + LARGEST_COLOR_CHANGE * strength),
)


def solarize(magnitude: float) -> np.ndarray:
    """Return the table (256,) that inverts the brightest values, or all of them at magnitude 1."""
    return np.where(256 * (1.0 - magnitude) <= UNCHANGED, 255 - UNCHANGED, UNCHANGED)


def posterize(magnitude: float) -> np.ndarray:
    """Return the table (256,) that drops the lowest bits, four of them at magnitude 1."""
    dropped = round(MOST_BITS_DROPPED * magnitude)
    return UNCHANGED >> dropped << dropped


TABLE_OPERATIONS: tuple[Callable[[float], np.ndarray], ...] = (solarize, posterize)


@dataclass(frozen=True)
class Operations:
    """The composed operations of each image, or the single operations.

    `planes` (..., 3, 3) map new pixel positions to old ones, `colors` (..., 4, 4) old colours to
    new ones, and then `tables` (..., 256), uint8, old values to new ones.
    """

    planes: np.ndarray
    colors: np.ndarray
    tables: np.ndarray


def draw_operations(
    count: int, size: int, random: np.random.Generator, *, operations: int, magnitude: float
) -> Operations:
    """Return a sequence of `operations` random operations for each of `count` images.

    Images are of `size` x `size` pixels; `magnitude` is from 0 to 1. Warps and colour maps are
    applied in the order drawn, tables after all of them.
    """
    known = _operations(size, magnitude)
    drawn = _identities((count,))
    kinds = random.integers(len(known.planes), size=(operations, count))
    signs = random.integers(2, size=(operations, count))
    for kind, sign in zip(kinds, signs, strict=True):
        drawn = Operations(
            # These map new positions to old ones, so the last operation's map is applied first.
            drawn.planes @ known.planes[kind, sign],
            known.colors[kind, sign] @ drawn.colors,
            np.take_along_axis(known.tables[kind, sign], drawn.tables, axis=1),
        )
    return drawn


@lru_cache(maxsize=8)
def _operations(size: int, magnitude: float) -> Operations:
    """Return all operations in both directions, (operations, 2, ...); the first changes nothing."""
    strength = np.array((magnitude, -magnitude))
    to_pixels = np.diag((size, size, 1.0))
    of_kind = len(PLANE_OPERATIONS), len(COLOR_OPERATIONS), len(TABLE_OPERATIONS)
    known = _identities((1 + sum(of_kind), 2))
    kind = 1
    for plane_operation in PLANE_OPERATIONS:
        plane = to_pixels @ plane_operation(strength) @ np.linalg.inv(to_pixels)
        known.planes[kind] = affine.about_center(plane, size)
        kind += 1
    for color_operation in COLOR_OPERATIONS:
        known.colors[kind] = color_operation(strength)
        kind += 1
    for table_operation in TABLE_OPERATIONS:
        known.tables[kind] = table_operation(magnitude)
        kind += 1
    return known


def _identities(shape: tuple[int, ...]) -> Operations:
    def repeat(unit: np.ndarray) -> np.ndarray:
        return np.broadcast_to(unit, (*shape, *unit.shape)).copy()

    return Operations(repeat(np.eye(3)), repeat(np.eye(4)), repeat(UNCHANGED))
