"""What models cost, as tables on the terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keiryo.report import weighing_words, words
from keiryo.report.weighing_words import NOTHING
from keiryo.results import LayerCost, Weighing

WIDTH_WITHOUT_TERMINAL = 160


def print_weighings(weighings: Sequence[Weighing]) -> None:
    """Print what each model costs in all, side by side, then what was noted and the convention."""
    console = _console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for weighing in weighings:
        table.add_column(Text(weighing.model), justify="right", overflow="fold")
    for title, cells in weighing_words.totals(weighings):
        table.add_row(title, *cells)
    console.print(table)
    for weighing in weighings:
        for line in weighing_words.remarks(weighing):
            text = f"{weighing.model}: {line}" if len(weighings) > 1 else line
            console.print(Text(text), soft_wrap=True)
    console.print(Text(f"\n{weighings[0].convention}", style="dim"))


def print_layers(weighing: Weighing) -> None:
    """Print every layer of a model, grouped by block, with the sums."""
    console = _console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(weighing.model))
    columns = [column for column in _COLUMNS if _has(weighing, column)]
    table.add_column("layer", overflow="fold")
    for column in columns:
        table.add_column(
            column.title,
            justify="left" if column.is_words else "right",
            no_wrap=column.title != _NOTES,
        )
    for block, members in groupby(weighing.layers, key=lambda layer: layer.block):
        rows = list(members)
        is_group = bool(block) and len(rows) > 1
        if is_group:
            table.add_row(block, *(column.total(rows) for column in columns), style="bold")
        for row in rows:
            name = f"  {row.name.removeprefix(f'{block}.')}" if is_group else row.name
            table.add_row(Text(name), *(Text(column.cell(row)) for column in columns))
    table.add_section()
    sums = (column.total(weighing.layers) for column in columns)
    table.add_row("total", *sums, style="bold")
    console.print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


@dataclass(frozen=True)
class _Column:
    """What a column shows of a layer, and of several together."""

    title: str
    cell: Callable[[LayerCost], str]
    total: Callable[[Sequence[LayerCost]], str] = lambda layers: ""
    is_words: bool = False


def _summed(
    title: str, figure: Callable[[LayerCost], float | None], show: Callable[[float], str]
) -> _Column:
    def total(layers: Sequence[LayerCost]) -> str:
        value = sum(figure(layer) or 0 for layer in layers)
        return show(value) if value else NOTHING

    return _Column(title, lambda layer: total([layer]), total)


def _integer(value: float) -> str:
    return f"{value:,.0f}"


_BEST, _BOUND, _MEASURED, _NOTES = "at best", "bound by", "measured", "formula, notes"
_COLUMNS = (
    _Column("type", lambda layer: layer.type, is_words=True),
    _Column("output", lambda layer: weighing_words.sizes(layer.output_shape)),
    _summed("parameters", lambda layer: layer.parameters, _integer),
    _summed("MACs", lambda layer: layer.macs, _integer),
    _summed("other", lambda layer: layer.elements, _integer),
    _summed("activations", lambda layer: layer.activation_bytes, words.size),
    _Column("field", weighing_words.field_size),
    _summed(_BEST, lambda layer: layer.predicted_ms, words.milliseconds),
    _Column(_BOUND, lambda layer: layer.bound or NOTHING, is_words=True),
    _summed(_MEASURED, lambda layer: layer.measured_ms, words.milliseconds),
    _Column(_NOTES, weighing_words.layer_notes, is_words=True),
)


def _has(weighing: Weighing, column: _Column) -> bool:
    if column.title in (_BEST, _BOUND):
        return weighing.predicted_ms is not None
    return column.title != _MEASURED or weighing.measured_ms is not None
