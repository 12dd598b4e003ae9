"""Affine maps of pixel positions and of colours, as matrices, for many images at once.

Positions (x, y, 1) are in pixels, colours (red, green, blue, 1) from 0 to 255. Each function takes
an array of any shape with one number for each map, and returns that shape plus two dimensions for
the matrices.
"""

import numpy as np

MIDDLE_GRAY = 128.0

# The colour space of NTSC: luma (of ITU-R BT.601), and two axes in whose plane hue is an angle.
RGB_TO_YIQ = np.array(
    ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
)
YIQ_TO_RGB = np.linalg.inv(RGB_TO_YIQ)


def rotation(degrees: np.ndarray) -> np.ndarray:
    """Return rotations (..., 3, 3) about the origin."""
    angles = np.radians(degrees)
    maps = _identities(degrees.shape, 3)
    maps[..., 0, 0] = maps[..., 1, 1] = np.cos(angles)
    maps[..., 1, 0] = np.sin(angles)
    maps[..., 0, 1] = -maps[..., 1, 0]
    return maps


def shear(along_x: np.ndarray, along_y: np.ndarray) -> np.ndarray:
    """Return shears (..., 3, 3): shifts of x for each pixel of y, and of y for each of x."""
    maps = _identities(along_x.shape, 3)
    maps[..., 0, 1] = along_x
    maps[..., 1, 0] = along_y
    return maps


def translation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return shifts (..., 3, 3) by `x` and `y` pixels."""
    maps = _identities(x.shape, 3)
    maps[..., 0, 2] = x
    maps[..., 1, 2] = y
    return maps


def about_center(maps: np.ndarray, size: int) -> np.ndarray:
    """Return `maps` (..., 3, 3) with the centre of an image of `size` pixels as origin."""
    # Pixel centres are at whole numbers, the first at 0.
    center = np.array((size - 1) / 2)
    return translation(center, center) @ maps @ translation(-center, -center)


def brightness(factors: np.ndarray) -> np.ndarray:
    """Return maps (..., 4, 4) that scale every channel."""
    maps = _identities(factors.shape, 4)
    maps[..., :3, :3] *= factors[..., None, None]
    return maps


def contrast(factors: np.ndarray) -> np.ndarray:
    """Return maps (..., 4, 4) that scale the distance from a middle gray."""
    maps = brightness(factors)
    maps[..., :3, 3] = ((1.0 - factors) * MIDDLE_GRAY)[..., None]
    return maps


def saturation(factors: np.ndarray) -> np.ndarray:
    """Return maps (..., 4, 4) that scale the distance from the gray of the same luma."""
    factors = factors[..., None, None]
    luma = np.tile(RGB_TO_YIQ[0], (3, 1))
    return _of_colors(factors * np.eye(3) + (1.0 - factors) * luma)


def hue(degrees: np.ndarray) -> np.ndarray:
    """Return maps (..., 4, 4) that rotate the hue and keep the luma."""
    rotations = rotation(degrees)
    # `rotation` leaves the last axis unchanged, but luma is the first.
    rotations = np.roll(rotations, (1, 1), axis=(-2, -1))
    return _of_colors(YIQ_TO_RGB @ rotations @ RGB_TO_YIQ)


def _of_colors(linear: np.ndarray) -> np.ndarray:
    maps = _identities(linear.shape[:-2], 4)
    maps[..., :3, :3] = linear
    return maps


def _identities(shape: tuple[int, ...], rank: int) -> np.ndarray:
    return np.broadcast_to(np.eye(rank), (*shape, rank, rank)).copy()
