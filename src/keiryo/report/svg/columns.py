"""Upright bars of many items side by side, coloured by kind."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from keiryo.report.svg.chart import Axis
from keiryo.report.svg.element import UNITS, element, join, stretched

FILLED = 0.9  # the share of an item's room that its bar takes


def draw_columns(
    values: Sequence[float], styles: Mapping[str, Sequence[int]], *, y: Axis
) -> Markup:
    """Return a bar for each of the `values`, which share the plot's width.

    `styles` has the places of the bars of each style, a class of the style sheet.
    """
    room = UNITS / max(1, len(values))
    paths = []
    for style, places in styles.items():
        bars = []
        for place in places:
            height = round(y.scale.place(values[place]) * UNITS / 100, 1)
            if height > 0:
                width = round(room * FILLED, 2)
                start = round(room * (place + (1 - FILLED) / 2), 2)
                bars.append(f"M{start:g} {UNITS}v-{height:g}h{width:g}v{height:g}z")
        if bars:
            paths.append(element("path", d="".join(bars), class_=style))
    return stretched(join(paths), "columns")
