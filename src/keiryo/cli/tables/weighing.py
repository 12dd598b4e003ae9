"""The cost of models, as tables on the terminal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from keiryo.cli.tables.table import make_table, open_console, say
from keiryo.records.costs import LayerCost, Weighing
from keiryo.records.tables.cost_table import blocks_and_layers
from keiryo.report import weighing_words, words
from keiryo.report.weighing_words import NOTHING

COLUMN_GAP = 3
NARROWEST_NOTES = 30


def print_weighings(weighings: Sequence[Weighing]) -> None:
    """Print the totals of all models side by side, then remarks and the counting convention.

    Models that do not fit side by side follow below each other.
    """
    console = open_console()
    rows = weighing_words.totals(weighings)
    titles = max(len(title) for title, _ in rows)
    widths = [
        COLUMN_GAP + max(len(cells[place]) for _, cells in rows) for place in range(len(weighings))
    ]
    start = 0
    while start < len(weighings):
        end, taken = start + 1, titles + widths[start]
        while end < len(weighings) and taken + widths[end] <= console.width:
            taken += widths[end]
            end += 1
        table = make_table([""], [])
        for weighing in weighings[start:end]:
            table.add_column(Text(weighing.model), justify="right", overflow="fold")
        for title, cells in rows:
            if any(cell != NOTHING for cell in cells[start:end]):
                table.add_row(title, *cells[start:end])
        console.print(table)
        start = end
    for weighing in weighings:
        for line in weighing_words.remarks(weighing):
            text = f"{weighing.model}: {line}" if len(weighings) > 1 else line
            say(console, text)
    console.print(Text(f"\n{weighings[0].convention}", style="dim"))


def print_layers(weighing: Weighing, *, sums_of: Weighing | None = None) -> None:
    """Print every layer of a model, grouped by block, with the sums of `sums_of`.

    Columns that do not fit the terminal are left out, and named below.
    """
    whole = weighing if sums_of is None else sums_of
    console = open_console()
    columns, left_out = _fitting(weighing, whole, console.width)
    table = make_table([], [], weighing.model)
    table.add_column("layer", overflow="fold")
    for column in columns:
        table.add_column(
            column.title,
            justify="left" if column.is_words else "right",
            no_wrap=column.title != _NOTES,
        )
    has_types = any(column.title == _TYPE for column in columns)
    for name, layers, is_block in _rows(weighing):
        if is_block and not has_types and layers[0].block_title:
            name = f"{name}: {layers[0].block_title}"
        cells = [
            column.total(layers, whole) if is_block else column.cell(layers[0], whole)
            for column in columns
        ]
        table.add_row(Text(name), *map(Text, cells), style="bold" if is_block else None)
    table.add_section()
    sums = (column.total(whole.layers, whole) for column in columns)
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
    for block, layers, is_block in blocks_and_layers(weighing):
        if is_block:
            yield block, layers, True
        else:
            yield f"  {_name_within(layers[0])}" if block else layers[0].name, layers, False


def _name_within(layer: LayerCost) -> str:
    """Return the name of `layer` within its block; in words as far as there are any."""
    name = layer.name.removeprefix(f"{layer.block}.")
    title = layer.title.removeprefix(layer.block_title).removeprefix(", ")
    return f"{title}: {name}" if title else name


def _fitting(
    weighing: Weighing, whole: Weighing, width: int
) -> tuple[list["_Column"], list["_Column"]]:
    """Return the columns that fit into `width` characters, and those left out."""
    columns = [column for column in _COLUMNS if _has(weighing, column)]

    def taken(column: _Column) -> int:
        cells = [column.total(whole.layers, whole)]
        cells += [column.cell(layer, whole) for layer in weighing.layers]
        return COLUMN_GAP + max(len(column.title), *map(len, cells))

    names = max(len(name) for name, _, _ in _rows(weighing))
    needed = {column.title: taken(column) for column in columns}
    needed[_NOTES] = COLUMN_GAP + min(needed[_NOTES] - COLUMN_GAP, NARROWEST_NOTES)
    left_out: list[_Column] = []
    for title in _LEAVE_OUT_FIRST:
        if names + sum(needed.values()) <= width:
            break
        dropped = next((column for column in columns if column.title == title), None)
        if dropped is not None:
            columns.remove(dropped)
            left_out.append(dropped)
            del needed[title]
    return columns, left_out


def _nothing(layers: Sequence[LayerCost], whole: Weighing) -> str:
    return ""


@dataclass(frozen=True)
class _Column:
    """A column: its figure for a layer, and for several together, of a whole network."""

    title: str
    cell: Callable[[LayerCost, Weighing], str]
    total: Callable[[Sequence[LayerCost], Weighing], str] = _nothing
    is_words: bool = False


def _summed(
    title: str, figure: Callable[[LayerCost], float | None], show: Callable[[float], str]
) -> _Column:
    def total(layers: Sequence[LayerCost], whole: Weighing) -> str:
        value = sum(figure(layer) or 0 for layer in layers)
        return show(value) if value else NOTHING

    return _Column(title, lambda layer, whole: total([layer], whole), total)


def _share(layers: Sequence[LayerCost], whole: Weighing) -> str:
    macs = sum(layer.macs for layer in layers)
    return words.percent(macs / whole.known_macs) if macs and whole.known_macs else NOTHING


def _integer(value: float) -> str:
    return f"{value:,.0f}"


def _block_title(layers: Sequence[LayerCost], whole: Weighing) -> str:
    return layers[0].block_title if len(layers) < len(whole.layers) else ""


_TYPE = "type"
_BEST, _BOUND, _MEASURED, _NOTES = "at best", "bound by", "measured", "formula, notes"
_COLUMNS = (
    _Column(_TYPE, lambda layer, _: layer.type, _block_title, is_words=True),
    _Column("output", lambda layer, _: weighing_words.sizes(layer.output_shape)),
    _summed("parameters", lambda layer: layer.parameters + layer.frozen_parameters, _integer),
    _summed("MACs", lambda layer: layer.macs, _integer),
    _Column("share", lambda layer, whole: _share([layer], whole), _share),
    _summed("other", lambda layer: layer.elements, _integer),
    _summed("activations", lambda layer: layer.activation_bytes, words.size),
    _Column("field", lambda layer, _: weighing_words.field_size(layer)),
    _summed(_BEST, lambda layer: layer.predicted_ms, words.milliseconds),
    _Column(_BOUND, lambda layer, _: layer.bound or NOTHING, is_words=True),
    _summed(_MEASURED, lambda layer: layer.measured_ms, words.milliseconds),
    _Column(_NOTES, lambda layer, _: weighing_words.layer_notes(layer), is_words=True),
)


# The least important first; layer, parameters, MACs and times are always shown.
_LEAVE_OUT_FIRST = ("other", _TYPE, "activations", "field", "output", _NOTES, "share")


def _has(weighing: Weighing, column: _Column) -> bool:
    if column.title in (_BEST, _BOUND):
        return weighing.predicted_ms is not None
    return column.title != _MEASURED or weighing.measured_ms is not None
