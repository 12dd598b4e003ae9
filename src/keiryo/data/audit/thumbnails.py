"""Thumbnails of the images that findings name, for the report."""

import base64
from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.image.fit import fit_image
from keiryo.data.sources.source import Source
from keiryo.records.base import Finding

SIDE = 112
QUALITY = 80
# The most images and groups of a finding that are shown.
SHOWN_OF_A_FINDING = 24


def names_to_show(findings: Iterable[Finding]) -> list[str]:
    """Return the names of the images to show beside the findings."""
    names: dict[str, None] = {}
    for finding in findings:
        for group in finding.groups[:SHOWN_OF_A_FINDING]:
            names.update(dict.fromkeys(group.files))
        names.update(dict.fromkeys(finding.files[:SHOWN_OF_A_FINDING]))
    return list(names)


def make_thumbnails(
    names: Iterable[str], all_names: Sequence[str], pixels_of: Callable[[int], np.ndarray]
) -> dict[str, str]:
    """Return a JPEG as a data URL for each of `names` that is in `all_names`.

    `pixels_of` returns the image (H, W, 3), uint8, RGB, at an index of `all_names`. An image that
    cannot be read is left out.
    """
    indices = {name: index for index, name in enumerate(all_names)}
    shown = {}
    for name in names:
        if name in indices:
            try:
                shown[name] = make_thumbnail(pixels_of(indices[name]))
            except UnreadableImageError:
                continue
    return shown


def make_source_thumbnails(names: Iterable[str], source: Source) -> dict[str, str]:
    """Return thumbnails of the images `names` of `source`, each letterboxed."""
    return make_thumbnails(
        names,
        [item.name for item in source.items],
        lambda index: source.read(index, SIDE, "letterbox").pixels,
    )


def make_thumbnail(pixels: np.ndarray) -> str:
    """Return the image (H, W, 3), uint8, RGB, as a small JPEG in a data URL."""
    small = fit_image(pixels, SIDE, "letterbox")
    encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
