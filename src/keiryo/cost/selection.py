"""The rows of a weighing that are shown: modules down to a depth, or the heaviest layers."""

from collections import Counter

from keiryo.cost.rows import SUMMED
from keiryo.records.costs import LayerCost, Weighing

# The figures of a row that those of the layers within add up to.
_ADDED = (*SUMMED, "parameters", "frozen_parameters")


def down_to(weighing: Weighing, depth: int) -> Weighing:
    """Return `weighing` with a row for each module at most `depth` names deep.

    A module's row has the sums of its layers, the first one's input and the last one's output.
    """
    rows: dict[str, LayerCost] = {}
    for layer in weighing.layers:
        parts = layer.name.partition("#")[0].split(".")
        if len(parts) <= depth:
            rows[layer.name] = layer
            continue
        name = ".".join(parts[:depth])
        rows[name] = _with(rows[name], layer) if name in rows else _module_row(name, layer)
    return weighing.model_copy(update={"layers": list(rows.values())})


def heaviest(weighing: Weighing, count: int) -> Weighing:
    """Return `weighing` with its `count` rows of the most multiply-accumulates, most first."""
    rows = sorted(weighing.layers, key=lambda layer: (-layer.macs, -layer.elements))[:count]
    return weighing.model_copy(
        update={"layers": [row.model_copy(update={"block": ""}) for row in rows]}
    )


def _module_row(name: str, layer: LayerCost) -> LayerCost:
    title = layer.block_title if name == layer.block else layer.title
    inside = layer.block and name.startswith(layer.block)
    blank = {"formula": None, "formula_macs": None, "difference": None, "separable": None}
    as_module = {"name": name, "block": "", "type": title if inside else "–", "calls": 1}
    return layer.model_copy(update=blank | as_module)


def _with(row: LayerCost, layer: LayerCost) -> LayerCost:
    more = {figure: getattr(row, figure) + getattr(layer, figure) for figure in _ADDED}
    more["calls"] = 1
    for time in ("predicted_ms", "measured_ms"):
        values = [
            value for value in (getattr(row, time), getattr(layer, time)) if value is not None
        ]
        more[time] = sum(values) if values else None
    more["operators"] = dict(Counter(row.operators) + Counter(layer.operators))
    if layer.output_shape:
        more["output_shape"] = layer.output_shape
    if layer.receptive_field is not None:
        more["receptive_field"] = layer.receptive_field
    return row.model_copy(update=more)
