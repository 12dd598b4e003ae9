"""The cost of models, as tables on the terminal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.text import Text

from keiryo.cli.tables.table import make_table, open_console, say
from keiryo.records.costs import LayerCost, Weighing
from keiryo.report import weighing_words, words
from keiryo.report.weighing_words import NOTHING

COLUMN_GAP = 3
NARROWEST_NOTES = 30


def print_weighings(weighings: Sequence[Weighing]) -> None:
    """Print the totals of all models side by side, then remarks and the counting convention."""
    console = open_console()
    table = make_table([""], [])
    for weighing in weighings:
        table.add_column(Text(weighing.model), justify="right", overflow="fold")
    for title, cells in weighing_words.totals(weighings):
        table.add_row(title, *cells)
    console.print(table)
    for weighing in weighings:
        for line in weighing_words.remarks(weighing):
            text = f"{weighing.model}: {line}" if len(weighings) > 1 else line
            say(console, text)
    console.print(Text(f"\n{weighings[0].convention}", style="dim"))


def print_layers(weighing: Weighing) -> None:
    """Print every layer of a model, grouped by block, with the sums.

    Columns that do not fit the terminal are left out, and named below.
    """
    console = open_console()
    columns, left_out = _fitting(weighing, console.width)
    table = make_table([], [], weighing.model)
    table.add_column("layer", no_wrap=True)
    for column in columns:
        table.add_column(
            column.title,
            justify="left" if column.is_words else "right",
            no_wrap=column.title != _NOTES,
        )
    for name, layers, is_block in _rows(weighing):
        cells = [column.total(layers) if is_block else column.cell(layers[0]) for column in columns]
        table.add_row(Text(name), *map(Text, cells), style="bold" if is_block else None)
    table.add_section()
    sums = (column.total(weighing.layers) for column in columns)
    table.add_row("total", *sums, style="bold")
    console.print(table)
    if left_out:
        names = ", ".join(column.title for column in left_out)
        console.print(
            Text(
                f"Too wide for the terminal: {names}. --json and --html have all columns.\n",
                style="dim",
            )
        )


def _rows(weighing: Weighing) -> Iterator[tuple[str, list[LayerCost], bool]]:
    """Yield a name and layers for each row: a block's sum before its layers, then each alone."""
    for block, members in groupby(weighing.layers, key=lambda layer: layer.block):
        layers = list(members)
        is_group = bool(block) and len(layers) > 1
        if is_group:
            yield block, layers, True
        for layer in layers:
            name = f"  {layer.name.removeprefix(f'{block}.')}" if is_group else layer.name
            yield name, [layer], False


def _fitting(weighing: Weighing, width: int) -> tuple[list["_Column"], list["_Column"]]:
    """Return the columns that fit into `width` characters, and those left out."""
    columns = [column for column in _COLUMNS if _has(weighing, column)]

    def taken(column: _Column) -> int:
        cells = [column.total(weighing.layers), *map(column.cell, weighing.layers)]
        return COLUMN_GAP + max(len(column.title), *map(len, cells))

    names = max(len(name) for name, _, _ in _rows(weighing))
    needed = {column.title: taken(column) for column in columns}
    needed[_NOTES] = COLUMN_GAP + min(needed[_NOTES] - COLUMN_GAP, NARROWEST_NOTES)
    left_out: list[_Column] = []
    for title in _LEAVE_OUT_FIRST:
        if names + sum(needed.values()) <= width:
            break
        dropped = next(column for column in columns if column.title == title)
        columns.remove(dropped)
        left_out.append(dropped)
        del needed[title]
    return columns, left_out


@dataclass(frozen=True)
class _Column:
    """A column: its figure for a layer, and for several together."""

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


# The least important first; layer, parameters, MACs and times are always shown.
_LEAVE_OUT_FIRST = ("other", "type", "activations", "field", "output", _NOTES)


def _has(weighing: Weighing, column: _Column) -> bool:
    if column.title in (_BEST, _BOUND):
        return weighing.predicted_ms is not None
    return column.title != _MEASURED or weighing.measured_ms is not None
