"""Bars with their names above them, so that long names fit a narrow page."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart
from keiryo.report.svg.element import element, percentage
from keiryo.report.svg.scales import Scale, linear_scale

ROW_HEIGHT = 40
NAME_HEIGHT = 18
BAR_HEIGHT = 12


@dataclass(frozen=True)
class Bar:
    """A figure with its name, and its interval."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    style: str = "s0"


def draw_bars(
    name: str,
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    scale: Scale | None = None,
    axis_title: str = "",
    show: Callable[[float], str] = "{:g}".format,
    show_value: Callable[[float], str] | None = None,
    legend: Sequence[LegendEntry] = (),
    marks: Iterable[str] = (),
) -> Markup:
    """Return a figure with a bar a row, each with its figure at the right.

    Bars begin at zero; on a logarithmic `scale`, at its low end. Without a `scale` it is linear.
    """
    scale = scale or linear_scale([0.0, *(end for bar in bars for end in _ends(bar))])
    axis = Axis(scale, axis_title, show)
    zero = 0.0 if scale.is_logarithmic else max(0.0, scale.place(0.0))
    rows = [_row(bar, number, axis, zero, show_value or show) for number, bar in enumerate(bars)]
    return draw_chart(
        name,
        [*rows, *marks],
        x=axis,
        y=Axis(Scale(0.0, 1.0, ())),
        title=title,
        description=description,
        legend=legend,
        height=ROW_HEIGHT * len(bars) + 6,
        left=14,
    )


def _ends(bar: Bar) -> list[float]:
    return [end for end in (bar.value, *(bar.interval or ())) if math.isfinite(end)]


def _row(bar: Bar, number: int, axis: Axis, zero: float, show: Callable[[float], str]) -> Markup:
    top = ROW_HEIGHT * number
    texts = [
        element("text", bar.name, x=0, y=top + NAME_HEIGHT - 4),
        element("text", show(bar.value), x="100%", y=top + NAME_HEIGHT - 4, class_="left"),
    ]
    if not math.isfinite(bar.value):
        return element("g", *texts, class_=f"bar {bar.style}")
    end = axis.scale.place(bar.value)
    drawn = element(
        "rect",
        x=percentage(min(zero, end)),
        y=top + NAME_HEIGHT,
        width=percentage(abs(end - zero)),
        height=BAR_HEIGHT,
        rx=2,
    )
    interval: list[Markup] = []
    if bar.interval is not None:
        low, high = (percentage(axis.scale.place(side)) for side in bar.interval)
        middle = top + NAME_HEIGHT + BAR_HEIGHT / 2
        interval = [element("line", x1=low, x2=high, y1=middle, y2=middle)]
    return element("g", *texts, drawn, *interval, class_=f"bar {bar.style}")
