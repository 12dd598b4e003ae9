"""Decoding an image file to RGB pixels, at full size or a smaller scale."""

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile, ImageOps

from keiryo.data.image.depth import (
    HEIGHT,
    TIFF_ORIENTATION,
    TURNS,
    WIDTH,
    NoFiniteValueError,
    decode_deep,
    has_deep_tags,
    is_deep,
    ppm_white,
    tiff_tags,
)
from keiryo.data.image.formats import READ_FORMATS, has_wrong_suffix, name_of_unread
from keiryo.data.image.png import without_remarks
from keiryo_runtime.geometry import decoding_scale

# Pillow's limit against decompression bombs; such an image takes half a GB when decoded.
LARGEST_PIXEL_COUNT = 178_956_970
SMALLEST_SIDE = 8

# OpenCV decodes these modes to the same RGB as Pillow, but faster.
PLAIN_MODES = frozenset({"RGB", "L"})
JPEG_END_MARKER = b"\xff\xd9"
EXIF_ORIENTATION = 0x0112
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".jif"})
JPEG_START_MARKER = b"\xff\xd8"
# JPEG markers of frames in the usual codings, of a scan, and of segments that do not change how
# pixels are to be interpreted.
JPEG_FRAMES = frozenset({0xFFC0, 0xFFC1, 0xFFC2})
JPEG_SCAN = 0xFFDA
JPEG_JFIF = 0xFFE0
JPEG_MARKERS = 0xFF00  # all are above
JPEG_ICC_PROFILE = 0xFFE2
JPEG_PLAIN_SEGMENTS = frozenset({0xFFC4, 0xFFDB, 0xFFDD, 0xFFE0, 0xFFED, 0xFFEE, 0xFFFE})
# Decoding without the high frequencies of a JPEG gives it at a half, quarter or eighth.
REDUCED_READING = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

Image.MAX_IMAGE_PIXELS = None  # decode_image checks it and has a finding of its own
# What is wrong with a file becomes a finding.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# A damaged file becomes a finding; a line from OpenCV would break the progress bar.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class UnreadableImageError(Exception):
    """A file that cannot be read as an image, with the reason; `code` is that of the finding."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class DecodedImage:
    """An upright image: its pixels, (H, W, 3), uint8, RGB, and notes about the file.

    `width` and `height` are those of the whole image; with `scale` above 1, it was decoded at that
    fraction of its size. `notes` are codes: `animated` (the first frame is decoded), `cmyk`,
    `transparent` (laid on white), `wrong_suffix`, `tiny`, `turned` (EXIF says that the stored image
    is not upright). `sixteen_bit`, `fewer_bits`, `floating_point` and `spread` say how samples of
    more than 8 bits were reduced (`keiryo.data.image.depth`).
    """

    pixels: np.ndarray
    width: int
    height: int
    scale: int
    notes: tuple[str, ...]
    is_jpeg: bool = False


def read_image(path: Path, *, smallest_side: int | None = None) -> DecodedImage:
    """Decode the image at `path`.

    With `smallest_side`, a JPEG is decoded at a half, quarter or eighth of its size if its shorter
    side keeps that many pixels, which is several times faster. Raises UnreadableImageError for a
    file that is empty, truncated, no image, or too large to decode.
    """
    try:
        if not path.is_file() and path.exists():
            raise UnreadableImageError("unreadable", "no ordinary file")
        with path.open("rb", buffering=0) as file:
            data = file.readall()
    except OSError as error:
        raise UnreadableImageError("unreadable", f"cannot be opened: {error.strerror}") from None
    return decode_image(data, suffix=path.suffix, smallest_side=smallest_side)


def decode_image(data: bytes, *, suffix: str, smallest_side: int | None = None) -> DecodedImage:
    """Decode the bytes of an image file with this suffix, as `read_image` does."""
    if not data:
        raise UnreadableImageError("unreadable", "the file is empty")
    if suffix.lower() in JPEG_SUFFIXES and (size := _plain_jpeg_size(data)):
        scale = _reduction(*size, smallest_side)
        if (pixels := _decode_by_opencv(data, scale)) is not None:
            return DecodedImage(pixels, *size, scale, (), is_jpeg=True)
    tags = tiff_tags(data)
    try:
        header = Image.open(io.BytesIO(data), formats=READ_FORMATS)
        frames = getattr(header, "n_frames", 1)
        width, height = header.size
        orientation = _orientation(header)
        notes = _notes(header, suffix, frames, orientation)
    except Exception:  # Pillow's plugins raise nearly anything on damaged headers
        return _decode_unknown_tiff(data, tags)
    _check_size(width, height)
    if is_deep(header, tags):
        try:
            deep = decode_deep(data, header, tags, orientation)
        except NoFiniteValueError:
            raise UnreadableImageError("unreadable", "it holds no finite values") from None
        except Exception as error:  # as above
            raise UnreadableImageError("unreadable", f"damaged: {error}") from None
        if deep is not None:
            pixels, more = deep
            height, width = pixels.shape[:2]
            return DecodedImage(pixels, width, height, 1, tuple(dict.fromkeys((*notes, *more))))
    scale = _reduction(width, height, smallest_side) if header.format == "JPEG" else 1
    pixels = _decode_plain(header, data, scale) if frames == 1 else None
    if pixels is None:
        pixels, scale = _decode_by_pillow(header), 1
    if (pixels.shape[1] > pixels.shape[0]) != (width > height):
        width, height = height, width  # it was rotated by a quarter turn
    return DecodedImage(pixels, width, height, scale, notes, is_jpeg=header.format == "JPEG")


def _decode_unknown_tiff(data: bytes, tags: dict[int, object]) -> DecodedImage:
    """Decode a TIFF of a type of samples that Pillow does not know, such as colours in float."""
    width, height = tags.get(WIDTH), tags.get(HEIGHT)
    if not (isinstance(width, int) and isinstance(height, int) and has_deep_tags(tags)):
        unread = name_of_unread(data)
        reason = f"{unread}, which is not read" if unread else "not an image that can be recognised"
        raise UnreadableImageError("unreadable", reason)
    _check_size(width, height)
    try:
        deep = decode_deep(data, None, tags, 1)
    except NoFiniteValueError:
        raise UnreadableImageError("unreadable", "it holds no finite values") from None
    if deep is None:
        raise UnreadableImageError("unreadable", "a TIFF of samples that cannot be read")
    pixels, notes = deep
    if tags.get(TIFF_ORIENTATION) in TURNS:
        notes = (*notes, "turned")
    return DecodedImage(pixels, pixels.shape[1], pixels.shape[0], 1, notes)


def _check_size(width: int, height: int) -> None:
    if width * height > LARGEST_PIXEL_COUNT:
        raise UnreadableImageError(
            "too_large", f"{width} x {height} is more than {LARGEST_PIXEL_COUNT:,} pixels"
        )


def _plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of an ordinary, whole JPEG; None for any other file.

    It is ordinary if it is upright, a single image, gray or YCbCr of 8 bits, and neither tiny nor
    too large. Most images are, and Pillow takes ten times as long to find that out.
    """
    if not data.startswith(JPEG_START_MARKER) or not _is_whole_jpeg(data):
        return None
    width = height = 0
    place = len(JPEG_START_MARKER)
    while place + 10 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker in JPEG_FRAMES:
            precision, height, width, channels = struct.unpack_from(">BHHB", data, place + 4)
            if precision != 8 or channels not in (1, 3):
                return None
        elif marker == JPEG_SCAN:
            is_plain = min(width, height) >= SMALLEST_SIDE and width * height <= LARGEST_PIXEL_COUNT
            return (width, height) if is_plain else None
        elif marker == JPEG_ICC_PROFILE:
            # The same segment may announce further images.
            if not data.startswith(b"ICC_PROFILE\0", place + 4):
                return None
        elif marker not in JPEG_PLAIN_SEGMENTS or _has_odd_version(data, marker, place):
            return None
        place += 2 + length
    return None


def _is_whole_jpeg(data: bytes) -> bool:
    # OpenCV fills the missing part of a cut-off JPEG with grey and reports nothing. So it gets only
    # files that end properly; Pillow decodes the others.
    return data.rstrip(b"\0").endswith(JPEG_END_MARKER)


def _has_sound_segments(data: bytes) -> bool:
    """Return whether the segments before the scan of a JPEG are known and without gaps."""
    # OpenCV's libjpeg writes a line to standard error for bytes between them and for versions that
    # it does not know; Pillow's does not.
    place = len(JPEG_START_MARKER)
    while place + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker == JPEG_SCAN:
            return True
        if marker <= JPEG_MARKERS or length < 2 or _has_odd_version(data, marker, place):
            return False
        place += 2 + length
    return False


def _has_odd_version(data: bytes, marker: int, place: int) -> bool:
    name, version = data[place + 4 : place + 9], data[place + 9 : place + 10]
    return marker == JPEG_JFIF and name == b"JFIF\0" and version != b"\1"


def _reduction(width: int, height: int, smallest_side: int | None) -> int:
    """Return the largest reduction by which the shorter side keeps `smallest_side` pixels."""
    return 1 if smallest_side is None else decoding_scale(width, height, smallest_side)


def _orientation(header: ImageFile.ImageFile) -> int:
    """Return the orientation that EXIF or a TIFF gives, 1 to 8; 1 (upright) without a valid one."""
    if "exif" not in header.info and header.format != "TIFF":
        return 1
    orientation = header.getexif().get(EXIF_ORIENTATION, 1)
    return orientation if orientation in TURNS else 1


def _notes(
    header: ImageFile.ImageFile, suffix: str, frames: int, orientation: int
) -> tuple[str, ...]:
    found = {
        "animated": frames > 1 and header.format != "MPO",
        "cmyk": header.mode in ("CMYK", "YCCK"),
        "transparent": header.has_transparency_data,
        "wrong_suffix": has_wrong_suffix(suffix, header.format),
        "tiny": min(header.size) < SMALLEST_SIDE,
        "turned": orientation != 1,
    }
    return tuple(note for note, is_so in found.items() if is_so)


def _decode_plain(header: ImageFile.ImageFile, data: bytes, scale: int) -> np.ndarray | None:
    """Decode by OpenCV; return None for an image that it cannot read or would read wrongly."""
    if header.format == "JPEG" and not (_is_whole_jpeg(data) and _has_sound_segments(data)):
        return None
    if header.mode not in PLAIN_MODES or header.has_transparency_data or ppm_white(header):
        return None  # OpenCV takes the white of any PPM to be 255
    return _decode_by_opencv(data, scale)


def _decode_by_opencv(data: bytes, scale: int) -> np.ndarray | None:
    quiet = without_remarks(data)
    if quiet is None:
        return None
    pixels = cv2.imdecode(np.frombuffer(quiet, np.uint8), REDUCED_READING[scale])
    if pixels is None or scale == 1:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_by_pillow(header: Image.Image) -> np.ndarray:
    try:
        upright = ImageOps.exif_transpose(header)
        if upright.has_transparency_data:
            rgba = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        return np.asarray(upright.convert("RGB"))
    except Exception as error:  # as above: damaged data raises nearly anything
        raise UnreadableImageError("unreadable", f"damaged: {error}") from None
