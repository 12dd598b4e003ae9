"""The rows of a weighing: a layer each, with what all its calls cost."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor, nn

from keiryo.cost.blocks import Blocks
from keiryo.cost.calls import LayerCall, Trace
from keiryo.cost.differences import explain_difference
from keiryo.cost.formula.kinds import layer_kind
from keiryo.cost.formula.layers import layer_formula
from keiryo.cost.receptive_field.field import Field, TensorField
from keiryo.cost.separable import find_pairs
from keiryo.records.costs import LayerCost, ReceptiveField, SeparablePair

# The figures of a row that further calls of its layer add to.
SUMMED = (
    *("calls", "macs", "elements", "padding_macs"),
    *("activation_bytes", "bytes_moved", "weight_bytes"),
)


class _Claimed(NamedTuple):
    """Elements of parameters that a row counts."""

    trainable: int
    frozen: int


_NONE = _Claimed(0, 0)


def layer_rows(run: Trace) -> list[LayerCost]:
    """Return a row for each layer, operator and parameter without a layer of `run`."""
    blocks = Blocks(run.modules)
    pairs = find_pairs(run.calls)
    unclaimed = {
        id(parameter): parameter
        for module in run.modules.values()
        for parameter in module._parameters.values()
        if parameter is not None
    }
    rows: dict[tuple[object, ...], LayerCost] = {}
    names: dict[str, int] = {}
    for call in run.calls:
        key = (call.name, call.operator, *call.input_shapes, *call.output_shapes)
        if key in rows:
            rows[key] = _add_call(rows[key], call, blocks)
            continue
        # An operator's parameters belong to the row of its module.
        owned = [] if call.operator else _parameters(call.module)
        row = _row(call, blocks, _claim(owned, unclaimed), pairs.get(id(call)))
        # A layer has a row for each shape of its inputs.
        names[row.name] = names.get(row.name, 0) + 1
        if names[row.name] > 1:
            row = row.model_copy(update={"name": f"{row.name}#{names[row.name]}"})
        rows[key] = row
    idle = [
        _row_of_parameters(name, module, blocks, count)
        for name, module in (run.modules.items() if unclaimed else ())
        if (count := _claim(module._parameters.values(), unclaimed)) != _NONE
    ]
    return [*rows.values(), *idle]


def _row(
    call: LayerCall, blocks: Blocks, parameters: _Claimed, separable: SeparablePair | None
) -> LayerCost:
    name, kind = call.name or type(call.module).__name__, type(call.module).__name__
    formula = None
    if call.operator is None:
        formula = layer_formula(call.module, call.input_shapes)
    else:
        kind = call.operator.rpartition(".")[2].strip("_")
        name = f"{call.name}.{kind}" if call.name else kind
    block = blocks.name(call.name)
    shape, made = call.input_shapes, call.output_shapes
    # From a dictionary, which takes half as long as by keyword.
    return LayerCost.model_validate(
        {
            "name": name,
            "block": block,
            "block_title": blocks.title(block),
            "title": blocks.title(call.name),
            "type": kind,
            "kind": "other" if call.operator else layer_kind(call.module),
            "calls": 1,
            "operators": call.operators,
            "input_shape": list(shape[0]) if shape else [],
            "output_shape": list(made[0]) if made else [],
            "parameters": parameters.trainable,
            "frozen_parameters": parameters.frozen,
            "macs": call.macs,
            "elements": call.elements,
            "activation_bytes": call.output_bytes,
            "bytes_moved": call.bytes_moved,
            "weight_bytes": call.weight_bytes,
            "formula": None if formula is None else formula.text,
            "formula_macs": None if formula is None else formula.macs,
            "padding_macs": 0 if formula is None else min(formula.padding_macs, call.macs),
            "difference": explain_difference(call, formula),
            "receptive_field": _receptive_field(call.receptive_field),
            "separable": separable,
        }
    )


def _add_call(row: LayerCost, call: LayerCall, blocks: Blocks) -> LayerCost:
    again = _row(call, blocks, _NONE, None)
    more = {field: getattr(row, field) + getattr(again, field) for field in SUMMED}
    more["operators"] = dict(Counter(row.operators) + Counter(again.operators))
    if row.formula_macs is not None and again.formula_macs is not None:
        more["formula_macs"] = row.formula_macs + again.formula_macs
    return row.model_copy(update=more)


def _row_of_parameters(name: str, module: nn.Module, blocks: Blocks, count: _Claimed) -> LayerCost:
    return LayerCost(
        name=f"{name}.parameters" if name else "parameters",
        block=blocks.name(name),
        block_title=blocks.title(blocks.name(name)),
        title=blocks.title(name),
        type=type(module).__name__,
        kind="other",
        calls=0,
        operators={},
        input_shape=[],
        output_shape=[],
        parameters=count.trainable,
        frozen_parameters=count.frozen,
        macs=0,
        elements=0,
        activation_bytes=0,
        bytes_moved=0,
        weight_bytes=0,
        formula=None,
        formula_macs=None,
    )


def _parameters(module: nn.Module) -> Iterable[Tensor | None]:
    return module.parameters() if module._modules else module._parameters.values()


def _claim(parameters: Iterable[Tensor | None], unclaimed: dict[int, nn.Parameter]) -> _Claimed:
    """Count the elements of `parameters` that no row has counted yet."""
    counts = {True: 0, False: 0}
    for parameter in parameters:
        claimed = unclaimed.pop(id(parameter), None)
        if claimed is not None:
            counts[claimed.requires_grad] += claimed.numel()
    return _Claimed(counts[True], counts[False])


@lru_cache(maxsize=8)  # most layers have the same field as the one before them
def _receptive_field(field: TensorField) -> ReceptiveField | None:
    if not isinstance(field, Field):
        return None
    return ReceptiveField(
        size=[axis.size for axis in field.axes],
        stride=[float(axis.stride) for axis in field.axes],
        offset=[axis.centre for axis in field.axes],
        is_upper_bound=not field.is_exact,
    )
