"""Samples of more than 8 bits, whole or floating-point, and their reduction to 8 bits."""

import io

import cv2
import numpy as np
from PIL import ImageFile, TiffImagePlugin

from keiryo.data.image.png import without_remarks

DEEP_MODES = ("I", "F")  # and those that begin so, such as I;16
# The bits that sensors and converters store within 16 or 32; the largest value tells them apart.
USUAL_BITS = (8, 10, 12, 14, 16)
EIGHT_BITS = 255
SIXTEEN_BITS = 65535
# Resampling overshoots the ends of a range by a few hundredths.
OVERSHOOT = 0.05
# Floating-point values up to here are no image of 8 bits that is nearly black.
LARGEST_UNIT = 16.0

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
WIDTH, HEIGHT, BITS, PHOTOMETRIC, LARGEST_SAMPLE, SAMPLE_FORMAT = 256, 257, 258, 262, 281, 339
TIFF_ORIENTATION = 274
WHITE_IS_ZERO = 0
UNSIGNED = 1
# How EXIF numbers the turns; each undoes one.
TURNS = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


class NoFiniteValueError(Exception):
    """Samples that are all NaN or infinite."""


def tiff_tags(data: bytes) -> dict[int, object]:
    """Return the tags of the first page of a TIFF; none of another or a damaged file."""
    if not data.startswith(TIFF_SIGNATURES):
        return {}
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        file = io.BytesIO(data)
        file.seek(tags.next)
        tags.load(file)
        wanted = (WIDTH, HEIGHT, BITS, PHOTOMETRIC, LARGEST_SAMPLE, SAMPLE_FORMAT, TIFF_ORIENTATION)
        return {tag: tags[tag] for tag in wanted if tag in tags}
    except Exception:  # damaged tags raise nearly anything
        return {}


def is_deep(header: ImageFile.ImageFile, tags: dict[int, object]) -> bool:
    """Return whether an image, by its header and the tags of a TIFF, has more than 8 bits."""
    if header.mode.startswith(DEEP_MODES):
        return True
    if header.mode == "CMYK":
        return False  # Pillow takes the upper 8 bits of such values
    if header.format == "TIFF":
        return has_deep_tags(tags)
    if header.format == "PPM":
        return (ppm_white(header) or 0) > EIGHT_BITS
    return header.format == "JPEG2000" or any(";16" in str(tile[3]) for tile in header.tile)


def has_deep_tags(tags: dict[int, object]) -> bool:
    """Return whether the tags of a TIFF say that its samples are not bytes from 0 to 255."""
    return max(_numbers(tags.get(BITS)), default=8) > 8 or any(
        number != UNSIGNED for number in _numbers(tags.get(SAMPLE_FORMAT))
    )


def decode_deep(
    data: bytes, header: ImageFile.ImageFile | None, tags: dict[int, object], orientation: int
) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Decode an image of more than 8 bits to (H, W, 3), uint8, RGB, upright; add notes about it.

    `header` is Pillow's, if it knows the format. Returns None if the samples turn out to have 8
    bits or OpenCV cannot decode them. Raises NoFiniteValueError.
    """
    declared = max(_numbers(tags.get(LARGEST_SAMPLE)), default=0)
    if header is not None and header.format == "PPM":
        declared = ppm_white(header) or 0
    if declared == SIXTEEN_BITS:
        declared = 0  # it says no more than the type of the samples
    samples = _stored_samples(data)
    if samples is None and header is not None and header.mode.startswith(DEEP_MODES):
        if declared and header.format == "PPM":
            declared = SIXTEEN_BITS  # Pillow spreads its values over 16 bits
        samples = np.asarray(header)
    if samples is None or samples.dtype == np.uint8:
        return None
    if samples.ndim == 3 and samples.shape[2] == 2:
        samples = samples[..., [0, 0, 0, 1]]
    if not tags and orientation in TURNS:  # OpenCV turns a TIFF by itself
        samples = TURNS[orientation](samples)
    has_alpha = samples.ndim == 3 and samples.shape[2] == 4
    colors = samples[..., :3] if has_alpha else samples
    black, white, note = _range(colors, declared)
    reduced, notes = _scale(colors, black, white), (note,)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        reduced = EIGHT_BITS - reduced
    if reduced.ndim == 2:
        reduced = np.repeat(reduced[..., None], 3, axis=2)
    reduced = reduced[..., ::-1]  # OpenCV orders the channels blue, green, red
    if has_alpha:
        notes = (*notes, "transparent")
        # Opacity is stored like colour, so that it has the same range unless it goes beyond.
        black, white, _ = _range(samples[..., 3], 0 if note == "spread" else int(white))
        opacity = _scale(samples[..., 3], black, white)[..., None] / EIGHT_BITS
        reduced = np.rint(EIGHT_BITS - (EIGHT_BITS - reduced.astype(float)) * opacity)
        reduced = reduced.astype(np.uint8)
    elif header is not None and isinstance(clear := header.info.get("transparency"), int):
        reduced = np.where((samples == clear)[..., None], np.uint8(EIGHT_BITS), reduced)
    return np.ascontiguousarray(reduced), notes


def _range(samples: np.ndarray, declared: int) -> tuple[float, float, str]:
    """Return the values of black and of white, and a note that says how they were found.

    `declared` is the value of white if the file says it, else 0. Without it, whole numbers from 0
    on are of the least of `USUAL_BITS` that hold the largest of them. Floating-point ones are from
    0 to 1 or from -1 to 1 if they fit, and of such bits else. All others are `spread` from their
    least to their greatest value. Raises NoFiniteValueError.
    """
    is_whole = samples.dtype.kind != "f"
    finite = samples if is_whole else samples[np.isfinite(samples)]
    if not finite.size:
        raise NoFiniteValueError
    least, greatest = float(finite.min()), float(finite.max())
    if declared and least >= 0 and greatest <= declared:
        return 0.0, declared, "sixteen_bit" if is_whole else "floating_point"
    if not is_whole and greatest <= 1 + OVERSHOOT and least >= -1 - OVERSHOOT:
        return (0.0 if least >= -OVERSHOOT else -1.0), 1.0, "floating_point"
    if least >= (0 if is_whole else -OVERSHOOT * greatest) and (
        is_whole or greatest > LARGEST_UNIT
    ):
        for bits in USUAL_BITS:
            white = 2**bits - 1
            if greatest <= (white if is_whole else white * (1 + OVERSHOOT)):
                note = "sixteen_bit" if bits == 16 else "fewer_bits"
                return 0.0, white, note if is_whole else "floating_point"
    return least, greatest, "spread"


def _scale(samples: np.ndarray, black: float, white: float) -> np.ndarray:
    """Return the samples as uint8, black as 0 and white as 255."""
    if samples.dtype == np.uint16:
        # A table is several times as fast as arithmetic on each sample.
        return _scale(np.arange(SIXTEEN_BITS + 1), black, white)[samples]
    steps = EIGHT_BITS / ((white - black) or 1.0)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are dealt with below
        scaled = (samples.astype(np.float64) - black) * steps
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=EIGHT_BITS, neginf=0.0)
    return np.rint(scaled).clip(0, EIGHT_BITS).astype(np.uint8)


def _stored_samples(data: bytes) -> np.ndarray | None:
    quiet = without_remarks(data)
    if quiet is None:
        return None
    try:
        return cv2.imdecode(np.frombuffer(quiet, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def ppm_white(header: ImageFile.ImageFile) -> int | None:
    """Return the value of white of a PGM or PPM where it is not 255 and Pillow scales by it."""
    if header.format == "PPM" and header.tile:
        arguments = header.tile[0][3]
        if header.mode == "I" and not isinstance(arguments, tuple):
            return SIXTEEN_BITS
        if isinstance(arguments, tuple) and isinstance(arguments[1], int) and header.mode != "F":
            return arguments[1]
    return None


def _numbers(value: object) -> list[int]:
    values = value if isinstance(value, tuple) else (value,)
    return [number for number in values if isinstance(number, int)]
