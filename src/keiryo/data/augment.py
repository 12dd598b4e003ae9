"""Random crop, flip and colour of a whole batch.

The random numbers of a batch are drawn at once from a generator of its own, and
each picture then takes one warp and one colour transform. So the result depends
on the batch's seed alone, not on which thread or how many made it.
"""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """How far pictures are varied; the defaults change nothing."""

    smallest_area: float = 1.0
    largest_aspect: float = 1.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def changes_anything(self) -> bool:
        return self != Augmentation()


# ITU-R BT.601 luma
LUMA = np.array((0.299, 0.587, 0.114))
MIDDLE_GRAY = 128.0


def augment(
    images: np.ndarray, random: np.random.Generator, augmentation: Augmentation
) -> np.ndarray:
    """Return a varied copy of `images` (N, size, size, 3), uint8.

    The crop is that of Inception (Szegedy et al. 2014, section 6): an area of
    `smallest_area` to 1 of the picture, an aspect ratio of up to `largest_aspect`
    either way. Brightness, contrast and saturation are scaled by 1 +- their figure.
    """
    count, size = images.shape[:2]
    warps = _draw_warps(count, size, random, augmentation)
    colors = _draw_color_transforms(count, random, augmentation)
    changes_color = bool(np.any(colors != np.eye(3, 4)))
    result = np.empty_like(images)
    for image, warp, color, target in zip(images, warps, colors, result, strict=True):
        varied = cv2.warpAffine(
            image,
            warp,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        target[:] = cv2.transform(varied, color) if changes_color else varied
    return result


def _draw_warps(
    count: int, size: int, random: np.random.Generator, augmentation: Augmentation
) -> np.ndarray:
    """Return (N, 2, 3): for each picture the map from its new pixels to its old ones."""
    area = random.uniform(augmentation.smallest_area, 1.0, count)
    log_aspect = np.log(augmentation.largest_aspect)
    aspect = np.exp(random.uniform(-log_aspect, log_aspect, count))
    width = np.minimum(1.0, np.sqrt(area * aspect))
    height = np.minimum(1.0, np.sqrt(area / aspect))
    left = random.uniform(0.0, 1.0, count) * (1.0 - width)
    top = random.uniform(0.0, 1.0, count) * (1.0 - height)
    mirrored = (random.random(count) < 0.5) & augmentation.flip
    across = np.where(mirrored, -width, width)
    left = np.where(mirrored, left + width, left)
    warps = np.zeros((count, 2, 3))
    warps[:, 0, 0] = across
    warps[:, 1, 1] = height
    # Pixel centres lie at half integers: new pixel 0 is at 0.5 / size of the crop.
    warps[:, 0, 2] = left * size + 0.5 * across - 0.5
    warps[:, 1, 2] = top * size + 0.5 * height - 0.5
    return warps


def _draw_color_transforms(
    count: int, random: np.random.Generator, augmentation: Augmentation
) -> np.ndarray:
    """Return (N, 3, 4): for each picture an affine map of its RGB values."""

    def factors(spread: float) -> np.ndarray:
        return 1.0 + random.uniform(-spread, spread, (count, 1, 1))

    saturation = factors(augmentation.saturation)
    gray = np.tile(LUMA, (3, 1))
    mix = saturation * np.eye(3) + (1.0 - saturation) * gray
    contrast = factors(augmentation.contrast)
    brightness = factors(augmentation.brightness)
    offset = (1.0 - contrast) * MIDDLE_GRAY * np.ones((count, 3, 1))
    return np.concatenate((contrast * mix, offset), axis=2) * brightness
