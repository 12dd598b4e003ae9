"""Images in every form in which they are given for a prediction, and their listing.

One image is a path or an http address (text or Path), the bytes of a file, an array or a Pillow
image. On the command line, a folder stands for the images in it, a pattern for the files that match
it, and `-` for standard input.
"""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageOps

from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.image.fit import decode_for_size, read_for_size
from keiryo.data.image.formats import kind_of_file
from keiryo.errors import InputError
from keiryo.export.fetching import fetch, is_address

STANDARD_INPUT = "-"
MODES_OF_PNG = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
AnyImage = str | os.PathLike[str] | bytes | np.ndarray | Image.Image
# Text or bytes are one image, not many.
SINGLE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)


@dataclass(frozen=True)
class GivenImage:
    """An image by the name that it is shown with; `error` says why there is none."""

    name: str
    image: AnyImage | None
    error: str | None = None


def is_single(image: object) -> bool:
    """Return True for one image, False for several."""
    if isinstance(image, np.ndarray):
        return image.dtype != object and image.ndim in (2, 3)
    return isinstance(image, SINGLE)


def read_pixels(image: AnyImage, size: int) -> np.ndarray:
    """Return the pixels (H, W, 3), uint8, RGB of an image that is to be fitted to `size`.

    Files are decoded no larger than `size` needs, as for a training. Raises InputError that says
    what is wrong, without naming the image.
    """
    try:
        if isinstance(image, np.ndarray):
            return _pixels_of_array(image)
        if isinstance(image, Image.Image):
            return _pixels_of_pillow(image, size)
        if isinstance(image, (bytes, bytearray, memoryview)):
            return decode_for_size(bytes(image), size, suffix="").pixels
        place = os.fspath(image)
        if is_address(place):
            suffix = Path(urlsplit(place).path).suffix
            return decode_for_size(fetch(place), size, suffix=suffix).pixels
        return read_for_size(Path(place).expanduser(), size).pixels
    except UnreadableImageError as error:
        raise InputError(str(error)) from None


def name_of(image: AnyImage, number: int) -> str:
    """Return the name to show for an image: its path or address, or its number, from 0."""
    if isinstance(image, (str, os.PathLike)):
        return os.fspath(image)
    return f"image {number}"


def list_images(places: Sequence[str]) -> Iterator[GivenImage]:
    """Yield the images that the command line names, in its order.

    A folder gives the image files in it, at all depths, by name; hidden ones are left out. A
    pattern with `*`, `?` or `[...]` gives the files that match it; `**` matches at all depths.
    Standard input is one image, or a list of paths and addresses, one a line.
    """
    for place in places:
        path = Path(place).expanduser()
        if place == STANDARD_INPUT:
            yield from _listed_by_standard_input()
        elif is_address(place):
            yield GivenImage(place, place)
        elif path.is_dir():
            found = _images_below(path)
            yield from (GivenImage(str(file), file) for file in found)
            if not found:
                yield GivenImage(place, None, "no images in this folder")
        elif not path.exists() and has_magic(place):
            start = Path(path.anchor)
            found = start.glob(str(path.relative_to(start)))
            matching = sorted(file for file in found if file.is_file())
            yield from (GivenImage(str(file), file) for file in matching)
            if not matching:
                yield GivenImage(place, None, "no file matches")
        else:
            yield GivenImage(place, path)


def _images_below(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if kind_of_file(path) == "image"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _listed_by_standard_input() -> Iterator[GivenImage]:
    data = sys.stdin.buffer.read()
    try:
        with Image.open(io.BytesIO(data)):
            is_image = True
    except Exception:  # Pillow's plugins raise nearly anything
        is_image = False
    lines: list[str] = []
    if not is_image:
        try:
            lines = [line.strip() for line in data.decode().splitlines() if line.strip()]
        except UnicodeDecodeError:
            is_image = True  # a damaged one, which decoding then says
    if is_image or not lines or any("\0" in line for line in lines):
        yield GivenImage("standard input", data)
    else:
        yield from list_images([line for line in lines if line != STANDARD_INPUT])


def _pixels_of_array(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8:
        raise InputError(f"an array of {array.dtype}; give uint8, values from 0 to 255")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        shape = " x ".join(map(str, array.shape))
        raise InputError(f"an array of {shape}; give height x width x 3, RGB")
    return np.ascontiguousarray(array)


def _pixels_of_pillow(image: Image.Image, size: int) -> np.ndarray:
    # By way of a file, so that depth and transparency are read as those of a file.
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in MODES_OF_PNG:
        upright = upright.convert("RGB")
    data = io.BytesIO()
    upright.save(data, format="PNG", compress_level=0)
    return decode_for_size(data.getvalue(), size, suffix=".png").pixels
