"""Every odd file is read or refused with a reason; none crashes."""

import io
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from keiryo.data.image.decoding import UnreadableImageError, decode_image, read_image

GRADIENT = np.stack(np.meshgrid(np.arange(0, 240, 6), np.arange(0, 180, 6)), axis=-1)
PIXELS = np.concatenate((GRADIENT, 255 - GRADIENT[..., :1]), axis=-1).astype(np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, image_format, **options)
    return data.getvalue()


def test_a_plain_image_is_read_as_it_is() -> None:
    decoded = decode_image(encoded(Image.fromarray(PIXELS), "PNG"), suffix=".png")
    assert decoded.notes == ()
    np.testing.assert_array_equal(decoded.pixels, PIXELS)


def test_both_decoders_agree_on_a_jpeg() -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG", quality=95, subsampling=0)
    decoded = decode_image(data, suffix=".jpg")
    by_pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(decoded.pixels.astype(int) - by_pillow).max() <= 2


@pytest.mark.parametrize(
    ("image", "image_format", "notes"),
    [
        (Image.fromarray(PIXELS).convert("CMYK"), "JPEG", ("cmyk",)),
        (Image.fromarray(PIXELS[..., 0].astype(np.uint16) << 8), "PNG", ("sixteen_bit",)),
        (Image.fromarray(PIXELS).convert("RGBA"), "PNG", ("transparent",)),
        (Image.fromarray(PIXELS).convert("P"), "GIF", ()),
        (Image.fromarray(PIXELS).convert("L"), "PNG", ()),
        (Image.fromarray(PIXELS).convert("1"), "PNG", ()),
        (Image.fromarray(PIXELS[:1, :1]), "PNG", ("tiny",)),
    ],
)
def test_odd_modes_become_rgb_and_are_noted(
    image: Image.Image, image_format: str, notes: tuple[str, ...]
) -> None:
    suffix = {"JPEG": ".jpg", "PNG": ".png", "GIF": ".gif"}[image_format]
    decoded = decode_image(encoded(image, image_format), suffix=suffix)
    assert decoded.pixels.shape == (image.height, image.width, 3)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.notes == notes


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) << 8)
    decoded = decode_image(encoded(deep, "PNG"), suffix=".png")
    assert np.abs(decoded.pixels[..., 0].astype(int) - PIXELS[..., 0]).max() <= 1


def test_sixteen_bits_in_colour_are_noted_too(capfd: pytest.CaptureFixture[str]) -> None:
    data = cv2.imencode(".png", PIXELS[..., ::-1].astype(np.uint16) << 8)[1].tobytes()
    decoded = decode_image(data, suffix=".png")
    assert decoded.notes == ("sixteen_bit",)
    assert np.abs(decoded.pixels.astype(int) - PIXELS).max() <= 1
    with pytest.raises(UnreadableImageError):
        decode_image(data[: len(data) // 2], suffix=".png")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("kind", "content"),
    [(b"iCCP", b"x\0\0" + zlib.compress(bytes(10))), (b"sRGB", b"\x09"), (b"bKGD", b"12")],
)
def test_a_faulty_remark_in_a_png_says_nothing(
    kind: bytes, content: bytes, bits: int, capfd: pytest.CaptureFixture[str]
) -> None:
    deep = PIXELS[..., ::-1].astype(np.uint16) * 257 if bits == 16 else PIXELS[..., ::-1]
    data = cv2.imencode(".png", deep)[1].tobytes()
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    chunk = struct.pack(">I", len(content)) + kind + content + checksum
    decoded = decode_image(data[:33] + chunk + data[33:], suffix=".png")
    np.testing.assert_array_equal(decoded.pixels, PIXELS)
    assert capfd.readouterr().err == ""


def test_a_jpeg_with_odd_segments_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG", quality=95, subsampling=0)
    assert data[6:11] == b"JFIF\0"
    for odd in (data[:11] + b"\x4a" + data[12:], data[:20] + b"odd" + data[20:]):
        pixels = decode_image(odd, suffix=".jpg").pixels
        assert np.abs(pixels.astype(int) - decode_image(data, suffix=".jpg").pixels).max() <= 2
    assert capfd.readouterr().err == ""


def test_cmyk_keeps_its_colours() -> None:
    data = encoded(Image.fromarray(PIXELS).convert("CMYK"), "JPEG", quality=95)
    decoded = decode_image(data, suffix=".jpg")
    assert np.abs(decoded.pixels.astype(int) - PIXELS).mean() < 6


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    decoded = decode_image(encoded(clear, "PNG"), suffix=".png")
    assert decoded.notes == ("transparent",)
    assert (decoded.pixels == 255).all()


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    decoded = decode_image(data, suffix=".gif")
    assert "animated" in decoded.notes
    assert tuple(decoded.pixels[0, 0]) == (255, 0, 0)


def test_orientation_in_exif_is_heeded_by_both_decoders() -> None:
    turned = Image.fromarray(PIXELS)
    exif = turned.getexif()
    exif[0x0112] = 6  # a quarter turn
    for mode in ("RGB", "CMYK"):
        data = encoded(turned.convert(mode), "JPEG", exif=exif)
        decoded = decode_image(data, suffix=".jpg")
        assert decoded.pixels.shape == (PIXELS.shape[1], PIXELS.shape[0], 3)
        assert (decoded.height, decoded.width) == decoded.pixels.shape[:2]
        assert "turned" in decoded.notes


def test_a_wrong_suffix_is_noted() -> None:
    data = encoded(Image.fromarray(PIXELS), "PNG")
    assert decode_image(data, suffix=".jpg").notes == ("wrong_suffix",)


@pytest.mark.parametrize(
    "data", [b"", b"just text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        decode_image(data, suffix=".jpg")


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, 0.99])
def test_a_truncated_jpeg_is_refused(kept: float) -> None:
    data = encoded(Image.fromarray(PIXELS), "JPEG")
    with pytest.raises(UnreadableImageError):
        decode_image(data[: int(kept * len(data))], suffix=".jpg")


def test_a_image_too_large_to_decode_is_refused_by_its_header() -> None:
    side = 30_000

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    with pytest.raises(UnreadableImageError, match="30000 x 30000") as refused:
        decode_image(data + chunk(b"IEND", b""), suffix=".png")
    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("L", {}),
        ("RGB", {"progressive": True, "comment": b"a comment"}),
        (
            "RGB",
            {"icc_profile": SRGB},
        ),
        ("CMYK", {}),
        ("RGB", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}),
    ],
)
def test_a_jpeg_is_the_same_whoever_reads_its_header(mode: str, options: dict[str, object]) -> None:
    data = encoded(Image.fromarray(PIXELS).convert(mode), "JPEG", **options)
    # Under another name, Pillow reads it.
    by_hand, by_pillow = (decode_image(data, suffix=suffix) for suffix in (".jpg", ".jfif"))
    np.testing.assert_array_equal(by_hand.pixels, by_pillow.pixels)
    assert replace(by_hand, pixels=PIXELS) == replace(by_pillow, pixels=PIXELS)


@settings(max_examples=60)
@given(st.data())
def test_no_damage_crashes_the_decoder(data: st.DataObject) -> None:
    whole = bytearray(encoded(Image.fromarray(PIXELS), data.draw(st.sampled_from(["JPEG", "PNG"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_image(bytes(whole), suffix=".jpg")
    except UnreadableImageError:
        return
    assert decoded.pixels.ndim == 3


@pytest.mark.parametrize(
    ("side", "smallest", "scale"), [(300, 256, 1), (600, 256, 2), (1100, 256, 4), (4200, 256, 8)]
)
def test_a_large_jpeg_is_decoded_no_larger_than_needed(
    side: int, smallest: int, scale: int
) -> None:
    image = Image.fromarray(PIXELS).resize((side + 40, side))
    for image_format, expected in (("JPEG", scale), ("PNG", 1)):
        data = encoded(image, image_format)
        suffix = f".{image_format.lower()}"
        decoded = decode_image(data, suffix=suffix, smallest_side=smallest)
        assert decoded.scale == expected
        assert (decoded.width, decoded.height) == (side + 40, side)
        whole = decode_image(data, suffix=suffix).pixels
        shape = decoded.pixels.shape[1::-1]
        small = cv2.resize(whole, shape, interpolation=cv2.INTER_AREA)
        assert np.abs(decoded.pixels.astype(int) - small).mean() < 1.5


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError):
        read_image(tmp_path / "absent.jpg")
