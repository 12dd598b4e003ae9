"""A weighing as a table, for `print` and for notebooks."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keiryo.records.costs import Weighing

COLUMNS = ("layer", "type", "output", "parameters", "MACs", "share")
# The columns of words; numbers are aligned right.
WORDS = 2
LONGEST_NAME = 32


def as_text(weighing: "Weighing") -> str:
    """Return the table in characters, at most 100 wide for names of usual length."""
    rows = [(_shortened(name), _shortened(kind), *rest) for name, kind, *rest in _rows(weighing)]
    everything = [COLUMNS, *rows, _sums(weighing)]
    widths = [max(len(row[place]) for row in everything) for place in range(len(COLUMNS))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if place < WORDS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    table = [line(COLUMNS), rule, *map(line, rows), rule, line(_sums(weighing))]
    return "\n".join([weighing.model, *table, "", *(f"{t}: {v}" for t, v in _totals(weighing))])


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
        (
            layer.name,
            layer.type,
            "x".join(map(str, layer.output_shape[1:])) or "–",
            f"{layer.parameters + layer.frozen_parameters:,}",
            f"{layer.macs:,}",
            _share(layer.macs, weighing.known_macs),
        )
        for layer in weighing.layers
    ]


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


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"…{text[1 - LONGEST_NAME :]}"
