"""A plot of a study: points with intervals, lines, and reference lines."""

from markupsafe import Markup

from keiryo.records.study import Plot, Told
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart
from keiryo.report.svg.lines import draw_band, draw_line
from keiryo.report.svg.scales import Scale, linear_scale, logarithmic_scale
from keiryo.report.svg.scatter import Point, draw_points
from keiryo.report.svg.styles import BASELINE, series

HEIGHT = 280
TICKS = 5
RADIUS = 4.5


def draw_study_plot(plot: Plot, say: Language) -> Markup:
    """Return the plot in the language `say`."""

    def told(text: Told) -> str:
        return getattr(text, say.code)

    x = Axis(
        _scale([x for one in plot.series for x in one.xs], plot.x_is_logarithmic),
        told(plot.x_title),
        _figure,
    )
    values = [y for one in plot.series for y in (*one.ys, *one.lows, *one.highs)]
    y = Axis(_scale(values, plot.y_is_logarithmic), told(plot.y_title), _figure)
    marks, legend, number = [], [], 0
    for one in plot.series:
        style = f"{BASELINE} dashed" if one.kind == "reference" else series(number)
        number += one.kind != "reference"
        name = told(one.name)
        if one.kind == "points":
            intervals = list(zip(one.lows, one.highs, strict=True)) or [None] * len(one.xs)
            points = [
                Point(a, b, style, words=f"{name}: {_figure(a)}, {_figure(b)}", interval=between)
                for a, b, between in zip(one.xs, one.ys, intervals, strict=True)
            ]
            marks.append(draw_points(points, x=x, y=y, radius=RADIUS))
        else:
            if one.lows:
                marks.append(draw_band(one.xs, one.lows, one.highs, x=x, y=y, style=style))
            marks.append(draw_line(one.xs, one.ys, x=x, y=y, style=style, label=name))
        legend.append(LegendEntry(name, style))
    return draw_chart(
        plot.name,
        marks,
        x=x,
        y=y,
        title=told(plot.title),
        description=told(plot.description),
        legend=legend,
        height=HEIGHT,
        left=58,
    )


def _scale(values: list[float], is_logarithmic: bool) -> Scale:
    make = logarithmic_scale if is_logarithmic else linear_scale
    return make(values, most_ticks=TICKS)


def _figure(value: float) -> str:
    if value >= 1000:
        return words.without_zeros(words.number(value))
    return f"{value:.3g}"
