"""Corruptions of images, to measure accuracy under noise, blur, JPEG, brightness and shifts.

Noise, JPEG and brightness are those of Hendrycks & Dietterich 2019, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations" (ImageNet-C, severities 1, 3 and 5); brightness
is also lowered. Blur and shifts are relative to the side of the image, so that their strength does
not depend on its size.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

STRENGTHS = 3

Corruption = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def add_noise(image: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise; its standard deviation is a share of the range of values."""
    noise = random.standard_normal(image.shape, dtype=np.float32) * np.float32(255 * deviation)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def blur(image: np.ndarray, radius: float, random: np.random.Generator) -> np.ndarray:
    """Blur with a Gaussian; its standard deviation is a share of the image's side."""
    return cv2.GaussianBlur(image, (0, 0), sigmaX=radius * image.shape[0])


def compress(image: np.ndarray, quality: float, random: np.random.Generator) -> np.ndarray:
    """Encode as a JPEG of that quality and decode again."""
    # By Pillow: OpenCV would take RGB for BGR and compress the wrong channels most.
    data = io.BytesIO()
    Image.fromarray(image).save(data, "JPEG", quality=int(quality))
    return np.asarray(Image.open(data))


def brighten(image: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Raise or lower the value of hue, saturation and value by a share of the range."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    sign = 1 if random.random() < 0.5 else -1
    hsv[..., 2] = np.clip(hsv[..., 2] + sign * 255.0 * share, 0, 255).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def shift(image: np.ndarray, share: float, random: np.random.Generator) -> np.ndarray:
    """Shift by a share of the side in a random direction; mirrored pixels fill the gap."""
    angle = random.uniform(0, 2 * np.pi)
    distance = share * image.shape[0]
    move = np.array([[1, 0, distance * np.cos(angle)], [0, 1, distance * np.sin(angle)]])
    return cv2.warpAffine(image, move, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)


# Name -> function, and its amount at each strength.
CORRUPTIONS: dict[str, tuple[Corruption, tuple[float, float, float]]] = {
    "noise": (add_noise, (0.08, 0.18, 0.38)),
    # Standard deviations of 2, 4 and 8 pixels at 224.
    "blur": (blur, (2 / 224, 4 / 224, 8 / 224)),
    "jpeg": (compress, (25, 15, 7)),
    "brightness": (brighten, (0.1, 0.3, 0.5)),
    "shift": (shift, (0.03, 0.06, 0.12)),
}


def corrupt_images(
    images: np.ndarray, kind: str, strength: int, *, seed: tuple[int, ...]
) -> np.ndarray:
    """Return a corrupted copy of `images` (N, size, size, 3), uint8, RGB.

    `strength` is 1, 2 or 3; the result depends on `seed` alone. Raises KeyError for a kind that is
    not in CORRUPTIONS.
    """
    corrupt, amounts = CORRUPTIONS[kind]
    random = np.random.default_rng(seed)
    return np.stack([corrupt(image, amounts[strength - 1], random) for image in images])
