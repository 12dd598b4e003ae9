"""Heat maps laid over the image that they explain, as one image."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keiryo.explanation.heat_map import HeatMap
from keiryo.files import replace_file

GAP = 8
CAPTION_HEIGHT = 30
CAPTION_POINTS = 18
# The strongest place keeps this share of the image, and a cold one all of it.
OPACITY = 0.65
WHITE = 255


def write_overlay(path: Path, square: np.ndarray, heat_maps: Sequence[HeatMap]) -> None:
    """Write the image `square` (S, S, 3) and, right of it, each heat map over it, as a PNG.

    Each panel has a caption. A name that the font has no letters for is left out of it.
    """
    panels = [square, *(lay_over(square, heat_map.values) for heat_map in heat_maps)]
    captions = ["image", *map(_caption, heat_maps)]
    side = square.shape[0]
    sheet = Image.new(
        "RGB", (len(panels) * (side + GAP) - GAP, side + CAPTION_HEIGHT), (WHITE,) * 3
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(CAPTION_POINTS)
    for number, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        left = number * (side + GAP)
        sheet.paste(Image.fromarray(panel), (left, CAPTION_HEIGHT))
        draw.text((left + 2, CAPTION_HEIGHT / 2), caption, fill="black", font=font, anchor="lm")
    with replace_file(path) as temporary:
        sheet.save(temporary, format="PNG")


def lay_over(square: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return the image (S, S, 3), uint8, in grey, with `heat` (h, w), from 0 to 1, in colour."""
    side = square.shape[0]
    # The square root shows weaker places, too.
    shown = np.sqrt(heat).astype(np.float32)
    enlarged = cv2.resize(shown, (side, side), interpolation=cv2.INTER_LINEAR)
    levels = np.rint(255 * enlarged).clip(0, 255).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
    grey = np.repeat(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    share = OPACITY * enlarged[..., None]
    return np.rint((1 - share) * grey + share * colors).astype(np.uint8)


def _caption(heat_map: HeatMap) -> str:
    label = heat_map.label if heat_map.label.isascii() else ""
    nowhere = "" if heat_map.values.any() else ", no place for it"
    return f"{label} {heat_map.probability:.1%}{nowhere}".strip()
