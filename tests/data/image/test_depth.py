"""Images of more than 8 bits show what they show, whatever their type and range of values."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from keiryo.data.image.decoding import DecodedImage, UnreadableImageError, decode_image

RAMP = np.tile(np.linspace(0, 1, 24), (16, 1))
COLORS = np.stack((RAMP, RAMP / 2, RAMP / 4), axis=-1)


def tiff(
    samples: np.ndarray, *, order: str = "<", tags: dict[int, int] | None = None, pages: int = 1
) -> bytes:
    """Write an uncompressed TIFF with further `tags`, of any type of samples."""
    height, width, channels = (*samples.shape, 1)[:3]
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    content = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    place = 8 + len(content)
    file = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", place) + content
    for page in range(pages):
        values = {
            256: [width],
            257: [height],
            258: [8 * samples.itemsize] * channels,
            259: [1],
            262: [1 if channels == 1 else 2],
            273: [8],
            277: [channels],
            278: [height],
            279: [len(content)],
            **({338: [2]} if channels == 4 else {}),
            339: [kind] * channels,
            **{tag: [value] for tag, value in (tags or {}).items()},
        }
        further = len(file) + 2 + 12 * len(values) + 4
        entries, beside = b"", b""
        for tag, numbers in sorted(values.items()):
            packed = struct.pack(f"{order}{len(numbers)}H", *numbers)
            if len(packed) > 4:
                packed, beside = struct.pack(order + "I", further + len(beside)), beside + packed
            entries += struct.pack(order + "HHI", tag, 3, len(numbers)) + packed.ljust(4, b"\0")
        following = further + len(beside) if page + 1 < pages else 0
        file += struct.pack(order + "H", len(values)) + entries
        file += struct.pack(order + "I", following) + beside
    return file


def png(samples: np.ndarray) -> bytes:
    return cv2.imencode(".png", samples)[1].tobytes()


def pnm(samples: np.ndarray, white: int) -> bytes:
    kind = b"P6" if samples.ndim == 3 else b"P5"
    values = np.rint(samples * white).astype(">u2" if white > 255 else np.uint8)
    return kind + f"\n{samples.shape[1]} {samples.shape[0]}\n{white}\n".encode() + values.tobytes()


def shows_ramp(decoded: DecodedImage) -> bool:
    difference = decoded.pixels.astype(float) - 255 * RAMP[..., None]
    return decoded.pixels.dtype == np.uint8 and bool(np.abs(difference).max() <= 2)


def shows_colors(decoded: DecodedImage) -> bool:
    return bool(np.abs(decoded.pixels.astype(float) - 255 * COLORS).max() <= 2)


@pytest.mark.parametrize(
    ("data", "suffix", "note"),
    [
        (pnm(RAMP, 65535), ".pgm", "sixteen_bit"),
        (pnm(RAMP, 4095), ".pgm", "sixteen_bit"),
        (pnm(RAMP * 4095 / 65535, 65535), ".pgm", "fewer_bits"),
        (pnm(RAMP, 85), ".pgm", None),
        (png((RAMP * 4095).astype(np.uint16)), ".png", "fewer_bits"),
        (png((RAMP * 1023).astype(np.uint16)), ".png", "fewer_bits"),
        (tiff((RAMP * 65535).astype(np.uint16)), ".tif", "sixteen_bit"),
        (tiff((RAMP * 65535).astype(np.uint16), pages=2), ".tif", "sixteen_bit"),
        (tiff((RAMP * 16383).astype(np.uint16), order=">"), ".tif", "fewer_bits"),
        (tiff(((1 - RAMP) * 65535).astype(np.uint16), tags={262: 0}), ".tif", "sixteen_bit"),
        (tiff((RAMP * 65535).astype(np.int32)), ".tif", "sixteen_bit"),
        (tiff((RAMP * 2e9).astype(np.int32)), ".tif", "spread"),
        (tiff((RAMP * 4e9).astype(np.uint32)), ".tif", "spread"),
        (tiff((RAMP * 2000 - 1000).astype(np.int16)), ".tif", "spread"),
        (tiff(RAMP.astype(np.float32)), ".tif", "floating_point"),
        (tiff((RAMP * 255).astype(np.float32)), ".tif", "floating_point"),
        (tiff((RAMP * 4095).astype(np.float32), order=">"), ".tif", "floating_point"),
        (tiff((RAMP * 2 - 1).astype(np.float32)), ".tif", "floating_point"),
        (tiff((RAMP * 1e6).astype(np.float32)), ".tif", "spread"),
        (tiff(RAMP), ".tif", "floating_point"),
    ],
)
def test_grey_of_any_type_and_range_becomes_8_bits(
    data: bytes, suffix: str, note: str | None
) -> None:
    decoded = decode_image(data, suffix=suffix)
    assert shows_ramp(decoded)
    assert (note in decoded.notes) if note else decoded.notes == ()


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (pnm(COLORS, 65535), ".ppm"),
        (pnm(COLORS, 127), ".ppm"),
        (png((COLORS[..., ::-1] * 4095).astype(np.uint16)), ".png"),
        (tiff((COLORS * 4095).astype(np.uint16)), ".tif"),
        (tiff(COLORS.astype(np.float32)), ".tif"),
    ],
)
def test_colours_of_any_type_and_range_become_8_bits(data: bytes, suffix: str) -> None:
    assert shows_colors(decode_image(data, suffix=suffix))


def test_a_dark_image_stays_dark_where_the_file_says_what_white_is() -> None:
    samples = (RAMP * 400).astype(np.uint16)
    by_tag = decode_image(tiff(samples, tags={281: 4095}), suffix=".tif")
    by_header = decode_image(pnm(RAMP * 400 / 4095, 4095), suffix=".pgm")
    assert by_tag.pixels.max() == by_header.pixels.max() == round(400 / 4095 * 255)


def test_a_deep_image_is_upright_and_its_transparency_is_white() -> None:
    turned = decode_image(tiff((RAMP * 65535).astype(np.uint16), tags={274: 3}), suffix=".tif")
    assert shows_ramp(
        DecodedImage(turned.pixels[::-1, ::-1], turned.width, turned.height, 1, turned.notes)
    )
    assert "turned" in turned.notes
    exif = Image.Exif()
    exif[0x0112] = 8
    file = io.BytesIO()
    Image.fromarray((RAMP * 65535).astype(np.uint16)).save(file, "PNG", exif=exif)
    quarter = decode_image(file.getvalue(), suffix=".png")
    assert (quarter.height, quarter.width) == RAMP.shape[::-1]
    assert quarter.pixels[0, 0, 0] == 255
    clear = np.dstack((COLORS[..., ::-1], np.zeros_like(RAMP)))
    assert (decode_image(png((clear * 4095).astype(np.uint16)), suffix=".png").pixels == 255).all()


@pytest.mark.filterwarnings("error")
def test_values_that_are_not_finite_are_black_or_refused() -> None:
    holed = np.where(RAMP > 0.9, np.nan, RAMP).astype(np.float32)
    holed.view(np.uint32)[0, -1] = 0x7FA00000  # a signalling NaN
    assert decode_image(tiff(holed), suffix=".tif").pixels[0, -1, 0] == 0
    with pytest.raises(UnreadableImageError, match="no finite values"):
        decode_image(tiff(np.full_like(holed, np.nan)), suffix=".tif")


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("data", [pnm(RAMP, 65535), tiff((RAMP * 65535).astype(np.uint16))])
def test_a_deep_image_that_is_cut_off_is_refused(data: bytes, kept: float) -> None:
    with pytest.raises(UnreadableImageError):
        decode_image(data[: int(kept * len(data))], suffix=".pgm")


@pytest.mark.parametrize("orientation", [0, 1, 9])
def test_only_a_turn_is_noted_as_one(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray((COLORS * 255).astype(np.uint8)).save(file, "JPEG", exif=exif)
    assert "turned" not in decode_image(file.getvalue(), suffix=".jpg").notes
