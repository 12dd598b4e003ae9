"""A chart: its plot with axes and grid, its legend, its texts for those who do not see it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from keiryo.report.svg.element import UNITS, element, join, percentage, stretched
from keiryo.report.svg.scales import Scale

HEIGHT = 260
TICK_GAP = 8  # pixels between an axis and its labels
LINE_HEIGHT = 16


@dataclass(frozen=True)
class Axis:
    """An axis: its scale, its title, and the form of the figures on it."""

    scale: Scale
    title: str = ""
    show: Callable[[float], str] = "{:g}".format


@dataclass(frozen=True)
class LegendEntry:
    """The meaning of a colour or of a kind of line; `style` is a class of the style sheet."""

    text: str
    style: str


def draw_chart(
    name: str,
    marks: Iterable[str],
    *,
    x: Axis,
    y: Axis,
    title: str,
    description: str,
    legend: Sequence[LegendEntry] = (),
    height: int = HEIGHT,
    left: int = 52,
    attributes: dict[str, object] | None = None,
) -> Markup:
    """Return a figure with the `marks` on a grid.

    `name` is the chart's own on its page, for its identifiers. `description` says in words what
    the chart shows. `left` is the room for the labels of the vertical axis, in pixels. Further
    `attributes` go to the `svg` element.
    """
    drawn = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-description"),
        _grid(x, y),
        *marks,
        role="img",
        aria_labelledby=f"{name}-title {name}-description",
        width="100%",
        height=height,
        **(attributes or {}),
    )
    bottom = TICK_GAP + LINE_HEIGHT * (2 if x.title else 1)
    plot = element("div", drawn, class_="plot", style=f"padding:12px 14px {bottom}px {left}px")
    return element(
        "figure",
        element("figcaption", title),
        *([element("p", y.title, class_="axis")] if y.title else []),
        plot,
        draw_legend(legend),
        class_="chart",
        id=name,
    )


def draw_legend(entries: Sequence[LegendEntry]) -> Markup:
    """Return the legend as a list; nothing, if there are no entries."""
    if not entries:
        return Markup("")
    items = [
        element("li", element("span", " ", class_=f"key {entry.style}"), entry.text)
        for entry in entries
    ]
    return element("ul", *items, class_="legend")


def horizontal_line(y: float, style: str = "") -> Markup:
    """Return a line across the plot at the place `y`, 0 to 100 from the bottom."""
    height = percentage(100 - y)
    return element("line", x1="0", x2="100%", y1=height, y2=height, class_=f"rule {style}".strip())


def vertical_line(x: float, style: str = "", **attributes: object) -> Markup:
    """Return a line from the top to the bottom of the plot at the place `x`, 0 to 100."""
    place = percentage(x)
    style = f"rule {style}".strip()
    return element("line", x1=place, x2=place, y1="0", y2="100%", class_=style, **attributes)


def _grid(x: Axis, y: Axis) -> Markup:
    across = [f"M0 {_units(100 - y.scale.place(tick))}h{UNITS}" for tick in y.scale.ticks]
    upright = [f"M{_units(x.scale.place(tick))} 0v{UNITS}" for tick in x.scale.ticks]
    parts = [stretched(element("path", d="".join([*across, *upright])), "lines")]
    for tick in y.scale.ticks:
        height = percentage(100 - y.scale.place(tick))
        parts.append(element("text", y.show(tick), x=-TICK_GAP, y=height, dy=4, class_="y"))
    for tick in x.scale.ticks:
        place = percentage(x.scale.place(tick))
        parts.append(element("text", x.show(tick), x=place, y="100%", dy=TICK_GAP + 10, class_="x"))
    if x.title:
        below = TICK_GAP + 10 + LINE_HEIGHT
        parts.append(element("text", x.title, x="50%", y="100%", dy=below, class_="x title"))
    return element("g", join(parts), class_="grid")


def _units(place: float) -> str:
    return f"{place * UNITS / 100:.4g}"
