"""Points with intervals and names over a plot."""

from dataclasses import dataclass, field

from markupsafe import Markup

from keiryo.report.svg.chart import Axis
from keiryo.report.svg.element import element, join, percentage

NAME_GAP = 6  # pixels between a point and its name, to the side and upwards
RADIUS = 6
# A name is written to the left of points in this last part of the plot.
RIGHT_PART = 62.0


@dataclass(frozen=True)
class Point:
    """A point, its interval upright, its name, and the words shown when the pointer is there."""

    x: float
    y: float
    style: str
    name: str = ""
    words: str = ""
    interval: tuple[float, float] | None = None
    attributes: dict[str, object] = field(default_factory=dict)


def draw_points(points: list[Point], *, x: Axis, y: Axis, radius: float = RADIUS) -> Markup:
    """Return the points; the names that have room are written beside them."""
    named = _names_with_room(points, x, y)
    return join(
        _draw(point, x, y, radius, point.name if place in named else "")
        for place, point in enumerate(points)
    )


def _draw(point: Point, x: Axis, y: Axis, radius: float, name: str) -> Markup:
    place, height = x.scale.place(point.x), 100 - y.scale.place(point.y)
    at = {"x": percentage(place), "y": percentage(height)}
    parts: list[Markup] = []
    if point.words:
        parts.append(element("title", point.words))
    if point.interval is not None:
        low, high = (percentage(100 - y.scale.place(end)) for end in point.interval)
        parts.append(element("line", x1=at["x"], x2=at["x"], y1=low, y2=high))
    parts.append(element("circle", cx=at["x"], cy=at["y"], r=radius))
    if name:
        is_left = place > RIGHT_PART
        gap = -NAME_GAP if is_left else NAME_GAP
        parts.append(
            element("text", name, **at, dx=gap, dy=-NAME_GAP, class_="left" if is_left else None)
        )
    return element("g", *parts, class_=f"point {point.style}", **point.attributes)


def _names_with_room(points: list[Point], x: Axis, y: Axis) -> set[int]:
    """Return the places of the points whose names overlap no name before them.

    Sizes are those of a plot some 560 pixels wide and 260 high; names are hidden on narrow pages.
    """
    taken: list[tuple[float, float, float]] = []
    named: set[int] = set()
    for number, point in enumerate(points):
        place, height = x.scale.place(point.x), 100 - y.scale.place(point.y)
        length = 1.3 * len(point.name) + 2
        start = place - length if place > RIGHT_PART else place
        clear = all(
            abs(height - other) > 6 or start + length < left or right < start
            for left, right, other in taken
        )
        if point.name and clear:
            named.add(number)
            taken.append((start, start + length, height))
    return named
