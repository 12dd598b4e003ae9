"""The cost of each layer of a network, as columns coloured by the kind of layer."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from keiryo.records.costs import LayerCost, Weighing
from keiryo.report import words
from keiryo.report.languages.catalogue import Language
from keiryo.report.svg.chart import Axis, LegendEntry, draw_chart, draw_legend
from keiryo.report.svg.columns import draw_columns
from keiryo.report.svg.element import element, percentage
from keiryo.report.svg.scales import Scale, linear_scale
from keiryo.report.svg.styles import KINDS

HEIGHT = 120
# In pixels, of a page as wide as it gets.
PLOT_WIDTH = 1000
LABEL_WIDTH = 17
LONGEST_LABEL = 24
LETTER_WIDTH = 6


@dataclass(frozen=True)
class Cost:
    """A cost of each layer; `name` is its key in the catalogue."""

    name: str
    figures: list[float]
    show: Callable[[float | None], str]


def draw_layer_columns(weighing: Weighing, number: int, say: Language) -> Markup:
    """Return a panel for each cost, below each other, with the blocks named below the last."""
    costs = _costs(weighing)
    used = {layer.kind for layer in weighing.layers}
    legend = draw_legend(
        [LegendEntry(say.plain(f"kinds.{kind.replace(' ', '_')}"), KINDS[kind])
         for kind in KINDS if kind in used]
    )  # fmt: skip
    panels = [
        _draw_panel(weighing, cost, f"layers-{number}-{cost.name}", cost is costs[-1], say)
        for cost in costs
    ]
    return legend + element(
        "div",
        element("div", *panels, class_="wide"),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=say.plain("charts.layers_region", model=weighing.model),
    )


def _costs(weighing: Weighing) -> list[Cost]:
    layers = weighing.layers
    costs = [
        Cost("parameters", [float(layer.parameters) for layer in layers], words.number),
        Cost("macs", [float(layer.macs) for layer in layers], words.number),
        Cost("activations", [float(layer.activation_bytes) for layer in layers], words.size),
    ]
    if weighing.predicted_ms is not None:
        best = [layer.predicted_ms or 0.0 for layer in layers]
        costs.append(Cost("time_at_best", best, words.milliseconds))
    if weighing.measured_ms is not None:
        measured = [layer.measured_ms or 0.0 for layer in layers]
        costs.append(Cost("time_measured", measured, words.milliseconds))
    return costs


def _draw_panel(weighing: Weighing, cost: Cost, name: str, is_last: bool, say: Language) -> Markup:
    layers = weighing.layers
    places: dict[str, list[int]] = defaultdict(list)
    for place, layer in enumerate(layers):
        places[KINDS[layer.kind]].append(place)
    x = Axis(Scale(0.0, float(len(layers)), ()))
    y = Axis(linear_scale([0.0, *cost.figures], low=0.0, most_ticks=4), "", _show_tick(cost))
    heaviest = max(range(len(layers)), key=cost.figures.__getitem__, default=None)
    total = sum(cost.figures)
    marks = [_shade(layers), draw_columns(cost.figures, places, y=y)]
    figure = draw_chart(
        name,
        [*marks, _block_names(layers)] if is_last else marks,
        x=x,
        y=y,
        title=f"{say.plain(f'costs.{cost.name}')}: {cost.show(total)}",
        description=say.plain(
            "charts.layers_description",
            layers=len(layers),
            heaviest="–" if heaviest is None else layers[heaviest].name,
            share=words.percent(
                cost.figures[heaviest] / total if heaviest is not None and total else None
            ),
        ),
        height=HEIGHT,
        left=64,
    )
    room = LETTER_WIDTH * max((len(_block_name(layer)) for layer in layers), default=0)
    return element("div", figure, style=f"padding-bottom:{room}px") if is_last else figure


def _show_tick(cost: Cost) -> Callable[[float], str]:
    return lambda value: words.without_zeros(cost.show(value)) if value else "0"


def _starts(layers: Sequence[LayerCost]) -> list[int]:
    return [
        place
        for place, layer in enumerate(layers)
        if place == 0 or layer.block != layers[place - 1].block
    ]


def _shade(layers: Sequence[LayerCost]) -> Markup:
    """Return a shade behind every other block."""
    starts = _starts(layers)
    ends = [*starts[1:], len(layers)]
    rooms = [
        element(
            "rect",
            x=percentage(100 * start / len(layers)),
            width=percentage(100 * (end - start) / len(layers)),
            y=0,
            height="100%",
        )
        for start, end in list(zip(starts, ends, strict=True))[1::2]
    ]
    return element("g", *rooms, class_="shade")


def _block_names(layers: Sequence[LayerCost]) -> Markup:
    """Return the names of the blocks, upright below the axis; those without room are left out."""
    starts = _starts(layers)
    ends = [*starts[1:], len(layers)]
    room = len(layers) * LABEL_WIDTH / PLOT_WIDTH
    last = -room
    names: list[Markup] = []
    for start, end in zip(starts, ends, strict=True):
        middle = (start + end) / 2
        if middle - last < room:
            continue
        last = middle
        # A text turns about its own place only inside an element that is already there.
        text = element("text", _block_name(layers[start]), transform="rotate(-90)", dy=4)
        names.append(
            element(
                "svg", text, x=percentage(100 * middle / len(layers)), y="100%", class_="turned"
            )
        )
    return element("g", *names, class_="grid blocks")


def _block_name(layer: LayerCost) -> str:
    name = layer.block_title or layer.block or layer.name
    return name if len(name) <= LONGEST_LABEL else f"…{name[1 - LONGEST_LABEL :]}"
