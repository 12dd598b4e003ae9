"""Lines and bands over a plot, whose ends are missing where a figure is."""

import math
from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from keiryo.report.svg.chart import Axis
from keiryo.report.svg.element import UNITS, element, join, percentage, stretched


def draw_line(
    xs: Sequence[float],
    ys: Sequence[float | None],
    *,
    x: Axis,
    y: Axis,
    style: str,
    label: str | None = None,
) -> Markup:
    """Return a line through the points; where one is missing, the line has a gap.

    `style` is a class of the style sheet: a colour (`s0` to `s6`), `thin`, `dashed`, or several.
    A point without neighbours is drawn as a dot. `label` is shown when the pointer is there.
    """
    pieces = _pieces(xs, ys, x, y)
    told = [element("title", label)] if label else []
    drawn = [
        element("polyline", *told, points=" ".join(f"{a},{b}" for a, b in piece))
        for piece in pieces
        if len(piece) > 1
    ]
    dots = [
        element(
            "circle",
            *told,
            cx=percentage(piece[0][0] * 100 / UNITS),
            cy=percentage(piece[0][1] * 100 / UNITS),
            r=4,
            class_=f"point {style}",
        )
        for piece in pieces
        if len(piece) == 1
    ]
    lines = [stretched(join(drawn), f"line {style}")] if drawn else []
    return join([*lines, *dots])


def draw_band(
    xs: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    *,
    x: Axis,
    y: Axis,
    style: str,
) -> Markup:
    """Return the area between `lows` and `highs`, such as an interval along a line."""
    outline = [*zip(xs, highs, strict=True), *reversed(list(zip(xs, lows, strict=True)))]
    points = " ".join(
        f"{round(x.scale.place(a) * UNITS / 100)},{round(UNITS - y.scale.place(b) * UNITS / 100)}"
        for a, b in outline
    )
    return stretched(element("polygon", points=points), f"band {style}")


def _pieces(
    xs: Sequence[float], ys: Sequence[float | None], x: Axis, y: Axis
) -> list[list[tuple[int, int]]]:
    """Return the unbroken parts of the line, in units of the square."""
    placed = [
        None
        if value is None or not math.isfinite(value)
        else (
            round(x.scale.place(at) * UNITS / 100),
            round(UNITS - y.scale.place(value) * UNITS / 100),
        )
        for at, value in zip(xs, ys, strict=True)
    ]
    groups = groupby(placed, key=lambda point: point is None)
    return [[point for point in group if point] for is_gap, group in groups if not is_gap]
