"""A grid of coloured cells with named rows, as an image of one pixel a cell."""

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from PIL import Image

from keiryo.report.svg.chart import Axis, draw_chart
from keiryo.report.svg.element import element, percentage
from keiryo.report.svg.scales import Scale

ROW_HEIGHT = 14
LETTER_WIDTH = 6  # pixels, of the names of rows
LONGEST_NAME = 30
# Viridis, whose lightness rises evenly, so that it can be read in grey too.
COLORS = (
    (68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140),
    (40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37),
)  # fmt: skip


def draw_heat_map(
    name: str,
    rows: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    x: Axis,
    title: str,
    description: str,
    scale_title: str,
) -> Markup:
    """Return a figure with a row for each name, the first at the top, and a scale of its colours.

    `values` has a list for each row; None is left blank. The axis `x` is that of the columns,
    from 0 to their number.
    """
    grid = np.array(
        [[math.nan if cell is None else cell for cell in row] for row in values], dtype=float
    )
    known = grid[np.isfinite(grid)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    image = element(
        "image",
        href=_png(grid, low, high),
        width="100%",
        height="100%",
        preserveAspectRatio="none",
        class_="cells",
    )
    names = [
        element(
            "text", _shortened(row), x=-8, y=percentage(100 * (place + 0.5) / len(rows)), dy=4,
            class_="y",
        )
        for place, row in enumerate(rows)
    ]  # fmt: skip
    figure = draw_chart(
        name,
        [image, element("g", *names, class_="grid")],
        x=x,
        y=Axis(Scale(0.0, 1.0, ())),
        title=title,
        description=description,
        height=ROW_HEIGHT * len(rows),
        left=20 + LETTER_WIDTH * max(len(_shortened(row)) for row in rows),
    )
    return figure + _color_scale(scale_title, low, high)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"


def _png(grid: np.ndarray, low: float, high: float) -> str:
    """Return the cells (rows, columns) as a data URL; cells that are not finite are clear."""
    shares = np.clip(np.nan_to_num((grid - low) / ((high - low) or 1.0)), 0.0, 1.0)
    anchors = np.linspace(0.0, 1.0, len(COLORS))
    colors = [np.interp(shares, anchors, [color[c] for color in COLORS]) for c in range(3)]
    pixels = np.stack([*colors, np.where(np.isfinite(grid), 255.0, 0.0)], axis=-1)
    file = io.BytesIO()
    Image.fromarray(np.round(pixels).astype(np.uint8)).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _color_scale(title: str, low: float, high: float) -> Markup:
    stops = ", ".join(f"rgb{color}" for color in COLORS)
    bar = element("span", " ", class_="colors", style=f"background:linear-gradient(90deg,{stops})")
    return element(
        "p",
        f"{title}: {round(low, 1) + 0.0:.1f} ",
        bar,
        f" {round(high, 1) + 0.0:.1f}",
        class_="soft small",
    )
