"""Decoding an image file to RGB pixels, as keiryo decodes the images that it trains on."""

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from keiryo_runtime.geometry import decoding_scale, smallest_side_for

# Pillow's limit against decompression bombs; such an image takes half a GB when decoded.
LARGEST_PIXEL_COUNT = 178_956_970
# The bits that sensors and converters store within 16; the largest value tells them apart.
USUAL_BITS = (8, 10, 12, 14, 16)

Image.MAX_IMAGE_PIXELS = None  # `decode_image` checks it and says so in words


class UnreadableImageError(ValueError):
    """An image that cannot be read, with the reason."""


def decode_image(data: bytes, size: int) -> np.ndarray:
    """Return the upright pixels (H, W, 3), uint8, RGB, of the image file in `data`.

    A JPEG is decoded at a half, a quarter or an eighth of its size, if its shorter side keeps
    `size` pixels, and 256. Transparent images are laid on white. Of an animation, the first frame
    is taken. Raises UnreadableImageError.
    """
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(Image.open(io.BytesIO(data)), size)
    except UnreadableImageError:
        raise
    except Image.UnidentifiedImageError:
        raise UnreadableImageError("not an image that can be recognised") from None
    except Exception as error:  # Pillow's plugins raise nearly anything on damaged files
        raise UnreadableImageError(f"damaged: {error}") from None


def to_pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels (H, W, 3), uint8, RGB, of a Pillow image, upright and on white."""
    image.load()  # the orientation may stand after the pixels
    # Each copy of a large image takes memory, so none is made that is not needed.
    is_upright = image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    upright = image if is_upright else ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _reduce_depth(np.asarray(upright))
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(upright if upright.mode == "RGB" else upright.convert("RGB"))


def _decode(image: Image.Image, size: int) -> np.ndarray:
    width, height = image.size
    if width * height > LARGEST_PIXEL_COUNT:
        raise UnreadableImageError(
            f"{width} x {height} is more than {LARGEST_PIXEL_COUNT:,} pixels"
        )
    if image.format == "JPEG" and image.mode in ("RGB", "L"):
        scale = decoding_scale(width, height, smallest_side_for(size))
        if scale > 1:
            image.draft(image.mode, (width // scale, height // scale))
    return to_pixels(image)


def _reduce_depth(samples: np.ndarray) -> np.ndarray:
    """Return grey samples of more than 8 bits as RGB of 8 bits.

    Whole numbers are of the least of `USUAL_BITS` that hold the largest of them, floating-point
    ones from 0 to 1.
    """
    if not samples.size or not np.isfinite(samples).all():
        raise UnreadableImageError("it holds values that are no numbers")
    least, greatest = float(samples.min()), float(samples.max())
    fitting = [1.0] if samples.dtype.kind == "f" else [2.0**bits - 1 for bits in USUAL_BITS]
    white = next((white for white in fitting if greatest <= white), None)
    if least < 0 or white is None:
        raise UnreadableImageError(
            f"values from {least:g} to {greatest:g} have no known black and white; give 8 bits"
        )
    grey = np.rint(samples.astype(np.float64) * (255 / white)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
