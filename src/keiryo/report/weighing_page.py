"""The page of `keiryo weigh`: the cost of each layer, as charts and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from keiryo.files import write_text
from keiryo.records.costs import WEIGHING_FILE, DeviceProfile, LayerCost, Weighing
from keiryo.report import weighing_words, words
from keiryo.report.charts import LAYOUT
from keiryo.report.colors import KINDS
from keiryo.report.page_parts import page_parts, page_template

PANEL_HEIGHT = 150
BAR_WIDTH = 0.9
SHADE = "#f2f4f7"
# In pixels, of a page as wide as it gets.
PLOT_WIDTH = 1020
LABEL_HEIGHT = 15
LONGEST_LABEL = 24
MODELS_SIDE_BY_SIDE = 3


def write_weighing_page(
    weighings: Sequence[Weighing], profile: DeviceProfile | None, folder: Path
) -> Path:
    """Write the page of `weighings` into `folder`; return its path."""
    path = folder / WEIGHING_FILE
    write_text(path, render_weighing_page(weighings, profile))
    return path


def render_weighing_page(weighings: Sequence[Weighing], profile: DeviceProfile | None) -> str:
    """Return the page: totals side by side, then the layers of each network."""
    return page_template("weighing.html.j2").render(
        weighings=weighings,
        totals=weighing_words.totals(weighings),
        side_by_side=MODELS_SIDE_BY_SIDE,
        remarks=[weighing_words.remarks(weighing) for weighing in weighings],
        charts=[layer_chart(weighing) for weighing in weighings],
        profile=profile,
        layer_notes=weighing_words.layer_notes,
        sizes=weighing_words.sizes,
        field_size=weighing_words.field_size,
        **page_parts(),
    )


def layer_chart(weighing: Weighing) -> dict[str, Any]:
    """Return a bar for each layer and each cost, coloured by the kind of layer."""
    panels = [
        ("parameters", [float(layer.parameters) for layer in weighing.layers], words.number),
        ("multiply-accumulates", [float(layer.macs) for layer in weighing.layers], words.number),
        (
            "activations",
            [float(layer.activation_bytes) for layer in weighing.layers],
            words.size,
        ),
    ]
    if weighing.predicted_ms is not None:
        times = [layer.predicted_ms or 0.0 for layer in weighing.layers]
        panels.append(("time at best", times, words.milliseconds))
    if weighing.measured_ms is not None:
        times = [layer.measured_ms or 0.0 for layer in weighing.layers]
        panels.append(("time measured", times, words.milliseconds))
    figure = make_subplots(
        rows=len(panels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.25 / len(panels),
        subplot_titles=[f"{title}: {show(sum(values))}" for title, values, show in panels],
    )
    for row, (title, values, show) in enumerate(panels, start=1):
        for kind, color in KINDS.items():
            places = [place for place, layer in enumerate(weighing.layers) if layer.kind == kind]
            if places:
                figure.add_trace(
                    go.Bar(
                        x=places,
                        y=[values[place] for place in places],
                        name=kind,
                        legendgroup=kind,
                        showlegend=row == 1,
                        width=BAR_WIDTH,
                        marker={"color": color, "line": {"width": 0}},
                        customdata=[
                            [*_hover(weighing.layers[place]), show(values[place])]
                            for place in places
                        ],
                        hovertemplate="<b>%{customdata[0]}</b> (%{customdata[1]})<br>"
                        "%{customdata[2]}<br>"
                        f"%{{customdata[3]}} {title}<extra></extra>",
                    ),
                    row=row,
                    col=1,
                )
    _mark_blocks(figure, weighing.layers)
    figure.update_yaxes(rangemode="tozero", nticks=4)
    for row, (title, _, _) in enumerate(panels, start=1):
        figure.update_yaxes(ticksuffix=_unit(title), row=row, col=1)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    figure.update_layout(
        **LAYOUT,
        height=PANEL_HEIGHT * len(panels) + 130,
        barmode="overlay",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    return figure.to_plotly_json()


def _unit(title: str) -> str:
    """Return the unit that stands behind the axis's figures."""
    if title == "activations":
        return "B"
    return " ms" if title.startswith("time") else ""


def _hover(layer: LayerCost) -> list[str]:
    shapes = (
        f"{weighing_words.sizes(layer.input_shape)} → {weighing_words.sizes(layer.output_shape)}"
    )
    return [layer.name, layer.type, shapes]


def _mark_blocks(figure: go.Figure, layers: Sequence[LayerCost]) -> None:
    """Shade every other block, and label the blocks below the axis."""
    starts = [
        place
        for place, layer in enumerate(layers)
        if place == 0 or layer.block != layers[place - 1].block
    ]
    ends = [*starts[1:], len(layers)]
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if number % 2:
            figure.add_vrect(
                x0=start - 0.5, x1=end - 0.5, fillcolor=SHADE, line_width=0, layer="below"
            )
    # A label is as high as the type that it is set in; those without room are left out.
    room = len(layers) * LABEL_HEIGHT / PLOT_WIDTH
    middles: list[float] = []
    names: list[str] = []
    for start, end in zip(starts, ends, strict=True):
        middle = (start + end - 1) / 2
        if middles and middle - middles[-1] < room:
            continue
        middles.append(middle)
        layer = layers[start]
        names.append(_shortened(layer.block_title or layer.block or layer.name))
    figure.update_xaxes(
        tickvals=middles, ticktext=names, tickangle=-90, showgrid=False, range=[-1, len(layers)]
    )


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"…{name[1 - LONGEST_LABEL :]}"
