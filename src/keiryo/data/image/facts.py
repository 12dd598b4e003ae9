"""Facts about one image, to find copies, near-copies and images that show nothing."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import xxhash

from keiryo.data.image.decoding import DecodedImage

# Facts are computed at this many grey pixels a side, so that they can be compared.
EXAMINED_SIDE = 128
HASHED_SIDE = 32
# The ratio of the Laplacian's standard deviation at full and at half size. Images enlarged to twice
# their size have 0.35 to 0.45, most sharp ones over 0.5 (docs/data.md names the sets).
SOFT = 0.47
FREQUENCIES = 16
HASH_BITS = FREQUENCIES**2
LARGEST_TINGE = 8  # difference of channels in an image without colour, of 255
# JPEG decoders fill the missing part of a file with mid-grey, in whole blocks.
JPEG_BLOCK = 8
JPEG_FILLING = 128
BLANK_CONTRAST = 3.0  # standard deviation of grey, of 255, below which nothing can be seen


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts about one image, found while it was read.

    `digest` identifies its pixels; `hash`, hexadecimal, is perceptual (empty for an image too small
    or too flat to be recognised). `brightness` and `contrast` are mean and standard deviation of
    grey, from 0 to 255; `sharpness` is the standard deviation of the Laplacian at 128 pixels a
    side. `detail` is the smallest side in pixels, of 128, 64 and 32, that keeps the detail at 128.
    With `scale` above 1, the digest is that of the image decoded at that fraction of its size.
    `content` identifies the image whatever size it was decoded at, by its file where it has one; ""
    in packs of earlier versions. `notes` are those of its decoding, `gray`, and `filled` (with flat
    grey at the bottom, as damaged JPEG files have).
    """

    digest: str
    hash: str
    width: int
    height: int
    brightness: float
    contrast: float
    sharpness: float
    detail: int = EXAMINED_SIDE
    scale: int = 1
    notes: tuple[str, ...] = ()
    content: str = ""


def examine(image: DecodedImage, *, content: str | None = None) -> ImageFacts:
    """Return the facts of one image; without `content`, its pixels identify it.

    The perceptual hash has a bit for each of the lowest 16 x 16 frequencies of the discrete cosine
    transform of the image at 32 x 32: 1 if it is at least their median (Zauner 2010,
    "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1, there with
    8 x 8). An image that is saved again, scaled, brightened or cropped slightly keeps nearly all of
    these 256 bits; unrelated images share about half.
    """
    gray = _shrink(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY), EXAMINED_SIDE)
    half = _shrink(gray, EXAMINED_SIDE // 2)
    quarter = _shrink(half, HASHED_SIDE)
    mean, deviation = cv2.meanStdDev(gray)
    sharpness = [_sharpness(each) for each in (gray, half, quarter)]
    contrast = float(deviation[0, 0])
    can_be_recognised = min(image.width, image.height) >= HASHED_SIDE and contrast >= BLANK_CONTRAST
    notes = [*image.notes]
    if _is_gray(image.pixels):
        notes.append("gray")
    if _ends_in_filling(image):
        notes.append("filled")
    digest = pixel_digest(image.pixels)
    return ImageFacts(
        digest=digest,
        hash=_perceptual_hash(quarter) if can_be_recognised else "",
        width=image.width,
        height=image.height,
        brightness=round(float(mean[0, 0]), 1),
        contrast=round(contrast, 1),
        sharpness=round(sharpness[0], 1),
        detail=_detail(sharpness),
        scale=image.scale,
        notes=tuple(notes),
        content=digest if content is None else content,
    )


def facts_of_pixels(pixels: np.ndarray, *, content: str | None = None) -> ImageFacts:
    """Return the facts of an image (H, W, 3), uint8, RGB, that does not come from a file."""
    height, width = pixels.shape[:2]
    return examine(DecodedImage(pixels, width, height, 1, ()), content=content)


def content_digest(data: bytes | memoryview) -> str:
    """Return a digest of a file's content, 128 bits in hexadecimal."""
    return xxhash.xxh3_128_hexdigest(data)


def pixel_digest(pixels: np.ndarray) -> str:
    """Return a digest of the pixels and their shape."""
    digest = xxhash.xxh3_128(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _sharpness(gray: np.ndarray) -> float:
    """Return the standard deviation of the Laplacian of (H, W), uint8."""
    edges = cv2.Laplacian(gray, cv2.CV_16S)
    # `cv2.meanStdDev` takes four times as long.
    mean_square = cv2.norm(edges, cv2.NORM_L2SQR) / edges.size
    return (mean_square - cv2.mean(edges)[0] ** 2) ** 0.5


def _detail(sharpness: list[float]) -> int:
    """Return the side that keeps the detail, from the sharpness at 128, 64 and 32 pixels."""
    enough = EXAMINED_SIDE
    for halvings, (larger, smaller) in enumerate(pairwise(sharpness), start=1):
        if larger < SOFT * smaller:
            enough = EXAMINED_SIDE >> halvings
    return enough


def _is_gray(pixels: np.ndarray) -> bool:
    # The middle pixel, one of the few below, is in colour in most colour images.
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2].tolist()
    if max(middle) - min(middle) > LARGEST_TINGE:
        return False
    few = cv2.resize(pixels, (HASHED_SIDE, HASHED_SIDE), interpolation=cv2.INTER_NEAREST)
    red, green, blue = cv2.split(few)
    return all(
        cv2.norm(one, other, cv2.NORM_INF) <= LARGEST_TINGE
        for one, other in ((red, blue), (red, green), (green, blue))
    )


def _ends_in_filling(image: DecodedImage) -> bool:
    """Return whether the lowest rows are the filling of a JPEG decoder for missing data."""
    if not image.is_jpeg or image.pixels[-1, -1, 0] != JPEG_FILLING:
        return False
    rows = image.pixels[-max(1, JPEG_BLOCK // image.scale) :]
    return bool((rows == JPEG_FILLING).all())


def _perceptual_hash(gray: np.ndarray) -> str:
    """Return the hash of an image (32, 32), uint8."""
    frequencies = cv2.dct(gray.astype(np.float32))[:FREQUENCIES, :FREQUENCIES].ravel()
    # The upper of the two middle values is found faster than their mean and as good.
    median = np.partition(frequencies, HASH_BITS // 2)[HASH_BITS // 2]
    return np.packbits(frequencies >= median).tobytes().hex()


def _shrink(gray: np.ndarray, side: int) -> np.ndarray:
    """Return (H, W) as (side, side); each new pixel is nearly the mean of the old ones."""
    height, width = gray.shape
    # Halving is many times faster than any other mean over areas.
    while min(height, width) >= 2 * side:
        even = gray[: height // 2 * 2, : width // 2 * 2]
        gray = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        height, width = gray.shape
    if (height, width) == (side, side):
        return gray
    # The rest of a long side is shrunk by a whole factor too.
    multiple = (side * max(1, width // side), side * max(1, height // side))
    gray = cv2.resize(gray, multiple, interpolation=cv2.INTER_LINEAR)
    return cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
