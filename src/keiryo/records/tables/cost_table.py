"""A weighing as a table, for `print` and for notebooks."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keiryo.records.costs import LayerCost, Weighing

COLUMNS: tuple[str, ...] = ("layer", "type", "output", "parameters", "MACs", "share")
# The columns of words; numbers are aligned right.
WORDS = 2
WIDTH = 80  # characters of a line, as a terminal has them
NARROWEST_LAYER = 28
SHORTEST_KIND = 8
# The columns that are left out first where the names of layers would get too little room.
_LEAVE_OUT_FIRST = ("output", "share")


def as_text(weighing: "Weighing") -> str:
    """Return the table in characters, in lines of at most `WIDTH`.

    Layers stand below their block, which has the sums of them. A class stands behind the name.
    """
    rows = [
        (f"  {_within(layers[0], name)}" if is_inside else name, kind, figures)
        for name, kind, layers, is_inside in _grouped(weighing)
        for figures in [_figures(layers, weighing)]
    ]
    sums = dict(zip(COLUMNS[WORDS:], _sums(weighing)[WORDS:], strict=True))
    shown = list(COLUMNS[WORDS:])
    widths = {
        title: max(len(title), len(sums[title]), *(len(figures[title]) for *_, figures in rows))
        for title in shown
    }
    for title in _LEAVE_OUT_FIRST:
        if WIDTH - sum(2 + widths[left] for left in shown) >= NARROWEST_LAYER:
            break
        shown.remove(title)
    room = WIDTH - sum(2 + widths[title] for title in shown)
    names = [_named(name, kind, room) for name, kind, _ in rows]
    room = max(map(len, [COLUMNS[0], "total", *names]))

    def line(name: str, figures: Mapping[str, str]) -> str:
        cells = [figures[title].rjust(widths[title]) for title in shown]
        return "  ".join([name.ljust(room), *cells]).rstrip()

    rule = "─" * (room + sum(2 + widths[title] for title in shown))
    table = [line(COLUMNS[0], dict(zip(shown, shown, strict=True))), rule]
    table += [line(name, figures) for name, (*_, figures) in zip(names, rows, strict=True)]
    table += [rule, line("total", sums), ""]
    totals = [_folded(f"{title}: {value}") for title, value in _totals(weighing)]
    return "\n".join([_folded(weighing.model), *table, *totals])


def blocks_and_layers(weighing: "Weighing") -> "Iterator[tuple[str, list[LayerCost], bool]]":
    """Yield a block's name with its layers before each of these, and layers without a block alone.

    The last value is True for a block.
    """
    for block, members in groupby(weighing.layers, key=lambda layer: layer.block):
        layers = list(members)
        is_group = bool(block) and len(layers) > 1
        if is_group:
            yield block, layers, True
        for layer in layers:
            yield block if is_group else "", [layer], False


def as_html(weighing: "Weighing") -> str:
    """Return the table in HTML, without styles of its own."""

    def row(cells: Sequence[str], tag: str) -> str:
        aligned = (
            f'<{tag} style="text-align: {"left" if place < WORDS else "right"}">'
            f"{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(aligned)}</tr>"

    totals = "".join(
        f"<tr><td>{escape(title)}</td><td>{escape(value)}</td></tr>"
        for title, value in _totals(weighing)
    )
    return (
        f"<h4>{escape(weighing.model)}</h4><table>{totals}</table>"
        f"<details><summary>{len(weighing.layers)} layers</summary><table>"
        f"<thead>{row(COLUMNS, 'th')}</thead>"
        f"<tbody>{''.join(row(cells, 'td') for cells in _rows(weighing))}</tbody>"
        f"<tfoot>{row(_sums(weighing), 'th')}</tfoot></table></details>"
    )


def _rows(weighing: "Weighing") -> list[tuple[str, ...]]:
    return [
        (layer.name, layer.type, *_figures([layer], weighing).values()) for layer in weighing.layers
    ]


def _figures(layers: "Sequence[LayerCost]", weighing: "Weighing") -> dict[str, str]:
    """Return the cells of a row that sums up `layers`, by their columns."""
    macs = sum(layer.macs for layer in layers)
    parameters = sum(layer.parameters + layer.frozen_parameters for layer in layers)
    output = "x".join(map(str, layers[-1].output_shape[1:])) or "–"
    cells = (output, f"{parameters:,}", f"{macs:,}", _share(macs, weighing.known_macs))
    return dict(zip(COLUMNS[WORDS:], cells, strict=True))


def _grouped(weighing: "Weighing") -> "Iterator[tuple[str, str, list[LayerCost], bool]]":
    """Yield the name and the kind of each row, its layers, and True if it stands in a block."""
    for block, layers, is_block in blocks_and_layers(weighing):
        if is_block:
            yield block, layers[0].block_title, layers, False
        else:
            yield block or layers[0].name, layers[0].type, layers, bool(block)


def _within(layer: "LayerCost", block: str) -> str:
    return layer.name.removeprefix(f"{block}.")


def _sums(weighing: "Weighing") -> tuple[str, ...]:
    parameters = weighing.parameters + weighing.frozen_parameters
    macs = f"{weighing.known_macs:,}"
    return (
        "total",
        "",
        "",
        f"{parameters:,}",
        macs,
        _share(weighing.known_macs, weighing.known_macs),
    )


def _totals(weighing: "Weighing") -> list[tuple[str, str]]:
    total = weighing.parameters + weighing.frozen_parameters
    macs = f"{weighing.known_macs:,}"
    if weighing.macs is None:
        macs = f"at least {macs} (unknown: {', '.join(weighing.unknown_operators)})"
    peak = "at least " if weighing.peak_is_lower_bound else ""
    field = "at most " if weighing.receptive_field_is_upper_bound else ""
    rows = [
        (
            "parameters",
            f"{total:,} ({weighing.parameters:,} trainable, {weighing.frozen_parameters:,} frozen)",
        ),
        ("multiply-accumulates", macs),
        (f"size of the state in {weighing.dtype}", f"{weighing.size_bytes:,} bytes"),
        ("activations, sum", f"{weighing.activation_bytes:,} bytes"),
        ("activations, held at once", f"{peak}{weighing.peak_activation_bytes:,} bytes"),
    ]
    if weighing.receptive_field is not None:
        rows.append(("receptive field", f"{field}{weighing.receptive_field}"))
    if weighing.training is not None:
        step = weighing.training
        backward = "not known" if step.backward_macs is None else f"{step.backward_macs:,}"
        rows += [
            ("backward pass, multiply-accumulates", backward),
            ("kept for the backward pass", f"{step.saved_activation_bytes:,} bytes"),
            ("gradients", f"{step.gradient_bytes:,} bytes"),
        ]
    return rows


def _share(macs: int, of: int) -> str:
    return f"{100 * macs / of:.1f} %" if macs and of else "–"


def _named(name: str, kind: str, room: int) -> str:
    """Return name and kind in at most `room` characters; the end of a name tells layers apart."""
    indent = len(name) - len(name.lstrip())
    own = name.strip()
    left = room - indent - len(own) - 1
    if left < len(kind):
        kind = f"{kind[: max(left, SHORTEST_KIND) - 1]}…" if len(kind) > SHORTEST_KIND else kind
        left = room - indent - len(kind) - 1
        if len(own) > left:
            own = f"…{own[len(own) - left + 1 :]}"
    return f"{' ' * indent}{own} {kind}".rstrip()


def _folded(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, subsequent_indent="  ")) or text
