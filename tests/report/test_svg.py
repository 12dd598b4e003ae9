"""The parts of charts: scales, their labels, gaps, escaped text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keiryo.report.svg.bars import Bar, draw_bars
from keiryo.report.svg.chart import Axis
from keiryo.report.svg.element import element
from keiryo.report.svg.lines import draw_band, draw_line
from keiryo.report.svg.scales import linear_scale, logarithmic_scale

FIGURES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=6)


@given(FIGURES, st.integers(2, 8))
def test_scales_hold_their_figures_and_few_labels(figures: list[float], most: int) -> None:
    linear = linear_scale(figures, most_ticks=most)
    logarithmic = logarithmic_scale(figures, most_ticks=most)
    for scale in (linear, logarithmic):
        assert all(-1e-6 <= scale.place(figure) <= 100 + 1e-6 for figure in figures)
        assert scale.place(scale.low) == pytest.approx(0)
        assert scale.place(scale.high) == pytest.approx(100)
        assert all(-1e-6 <= scale.place(tick) <= 100 + 1e-6 for tick in scale.ticks)
    assert 1 <= len(linear.ticks) <= most + 2
    assert len(logarithmic.ticks) <= most


def test_a_logarithmic_scale_labels_round_figures() -> None:
    assert logarithmic_scale([2.0, 40.0]).ticks == [2, 5, 10, 20]
    assert logarithmic_scale([1e3, 1e9], most_ticks=4).ticks == [1e3, 1e5, 1e7, 1e9]
    assert linear_scale([0.0, 7.0], whole=True, most_ticks=4).ticks == [0, 5, 10]
    assert linear_scale([3.0]).place(3.0) <= 100


def test_a_missing_figure_is_a_gap() -> None:
    axis = Axis(linear_scale([0.0, 4.0], low=0.0, high=4.0))
    drawn = draw_line([0, 1, 2, 3, 4], [0, 4, None, float("nan"), 2], x=axis, y=axis, style="s0")
    assert re.findall(r'points="([^"]*)"', drawn) == ["0,1000 250,0"]
    assert drawn.count("<circle") == 1  # a figure without neighbours
    band = draw_band([0, 4], [1, 1], [2, 3], x=axis, y=axis, style="s0")
    assert 'points="0,500 1000,250 1000,750 0,750"' in band


def test_bars_begin_at_zero_and_show_their_figures() -> None:
    bars = [Bar("a <b>", 5.0, (4.0, 6.0)), Bar("c", -5.0), Bar("unknown", float("nan"))]
    drawn = draw_bars("chart", bars, title="T", description="D")
    widths = re.findall(r'<rect x="([^"]*)%" y="\d+" width="([^"]*)%"', drawn)
    (first, first_width), (second, second_width) = [tuple(map(float, each)) for each in widths]
    assert first == pytest.approx(second + second_width)
    assert first_width == pytest.approx(second_width)
    assert "a &lt;b&gt;" in drawn
    assert 'role="img"' in drawn
    assert drawn.count("<line") == 1


def test_text_and_attributes_are_escaped() -> None:
    assert (
        element("text", "<&'\"", class_='"x') == '<text class="&#34;x">&lt;&amp;&#39;&#34;</text>'
    )
