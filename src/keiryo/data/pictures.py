"""One picture file to RGB pixels, and pixels to the square that a network takes."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
)
# Pillow's own bound against decompression bombs; decoded, such a picture takes half a GB.
LARGEST_PIXEL_COUNT = 178_956_970
SMALLEST_SIDE = 8

# The modes that OpenCV decodes to the same RGB as Pillow, only faster.
PLAIN_MODES = frozenset({"RGB", "L", "I;16", "I;16B"})
JPEG_END_MARKER = b"\xff\xd9"

Image.MAX_IMAGE_PIXELS = None  # checked here, before decoding, with a finding of its own
# What OpenCV has to say of a damaged file becomes a finding, not a line across the live bar.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class UnreadablePictureError(Exception):
    """A file that no picture can be had from; `code` is the finding's, the text says why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def read_picture(path: Path) -> tuple[np.ndarray, list[str]]:
    """Decode `path` to RGB pixels (H, W, 3), uint8, the right way up.

    Returns the pixels and the codes of what was unusual but could be read:
    `animated` (the first frame is taken), `cmyk`, `sixteen_bit`, `transparent`
    (laid on white), `wrong_suffix`, `tiny`. Raises UnreadablePictureError for a file
    that is empty, truncated, no picture at all, or too large to decode.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadablePictureError("unreadable", f"cannot be opened: {error.strerror}") from None
    return decode_picture(data, suffix=path.suffix)


def decode_picture(data: bytes, *, suffix: str) -> tuple[np.ndarray, list[str]]:
    """Decode the bytes of a picture file named `*suffix`; as `read_picture`."""
    if not data:
        raise UnreadablePictureError("unreadable", "the file is empty")
    try:
        header = Image.open(io.BytesIO(data))
        frames = getattr(header, "n_frames", 1)
        width, height = header.size
    except Exception:  # Pillow's plugins raise nearly anything on damaged headers
        raise UnreadablePictureError("unreadable", "not a picture that can be recognised") from None
    if width * height > LARGEST_PIXEL_COUNT:
        raise UnreadablePictureError(
            "too_large", f"{width} x {height} is more than {LARGEST_PIXEL_COUNT:,} pixels"
        )
    notes = []
    if frames > 1:
        notes.append("animated")
    if header.mode in ("CMYK", "YCCK"):
        notes.append("cmyk")
    if header.mode.startswith("I") or any(";16" in str(tile[3]) for tile in header.tile):
        notes.append("sixteen_bit")
    if header.has_transparency_data:
        notes.append("transparent")
    if suffix.lower() not in Image.registered_extensions() or (
        Image.registered_extensions()[suffix.lower()] != header.format
        and {Image.registered_extensions()[suffix.lower()], header.format} != {"JPEG", "MPO"}
    ):
        notes.append("wrong_suffix")
    if min(width, height) < SMALLEST_SIDE:
        notes.append("tiny")
    return _decode(header, data, plain=frames == 1), notes


def _decode(header: Image.Image, data: bytes, *, plain: bool) -> np.ndarray:
    # OpenCV paints what is missing of a cut-off JPEG grey and says nothing, so only
    # files that end as they should go to it; Pillow judges the rest.
    whole = header.format != "JPEG" or data.rstrip(b"\0").endswith(JPEG_END_MARKER)
    plain = plain and whole and header.mode in PLAIN_MODES and not header.has_transparency_data
    if plain:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if pixels is not None:
            return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    try:
        upright = ImageOps.exif_transpose(header)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return np.asarray(upright.convert("RGB"))
    except Exception as error:  # as above: damaged data raises nearly anything
        raise UnreadablePictureError("unreadable", f"damaged: {error}") from None


def fit_picture(pixels: np.ndarray, size: int) -> np.ndarray:
    """Scale the shorter side of (H, W, 3) to `size` and cut out the middle: (size, size, 3)."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    if side == size:
        return square
    return cv2.resize(
        square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    )
