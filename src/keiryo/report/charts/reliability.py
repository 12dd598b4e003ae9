"""Accuracy against confidence: a point for each group of equally many images."""

from markupsafe import Markup

from keiryo.records.analysis import Calibration
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, draw_chart
from keiryo.report.svg.lines import draw_line
from keiryo.report.svg.scales import linear_scale
from keiryo.report.svg.scatter import Point, draw_points

HEIGHT = 220


def draw_reliability(calibration: Calibration, name: str, say: Language) -> Markup:
    """Return the points with their intervals, and the line on which the two are equal."""
    lowest = min(each.confidence for each in calibration.bins)
    x = Axis(
        linear_scale([lowest], high=1.0, most_ticks=5), say.plain("answers.confidence"), _percent
    )
    y = Axis(linear_scale([], low=0.0, high=1.0, most_ticks=5), show=_percent)
    points = [
        Point(
            each.confidence,
            each.accuracy,
            "s0",
            words=f"{words.percent(each.confidence)} → {words.percent(each.accuracy)}",
            interval=each.accuracy_interval,
        )
        for each in calibration.bins
    ]
    ends = [x.scale.low, 1.0]
    last = calibration.bins[-1]
    return draw_chart(
        name,
        [draw_line(ends, ends, x=x, y=y, style="baseline dashed"), draw_points(points, x=x, y=y)],
        x=x,
        y=Axis(y.scale, say.plain("answers.accuracy"), _percent),
        title=say.plain("answers.calibration_title"),
        description=say.plain(
            "answers.calibration_description",
            bins=len(calibration.bins),
            confidence=words.percent(last.confidence),
            accuracy=words.percent(last.accuracy),
        ),
        height=HEIGHT,
        left=46,
    )


def _percent(value: float) -> str:
    return f"{value:.0%}"
