"""The cost of a module for a given input, layer by layer."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from keiryo.cost.blocks import block_names
from keiryo.cost.calls import LayerCall, RunError, Trace
from keiryo.cost.convention import CONVENTION
from keiryo.cost.differences import explain_difference
from keiryo.cost.formula.kinds import layer_kind
from keiryo.cost.formula.layers import layer_formula
from keiryo.cost.inputs import Inputs, example_inputs, input_error, shapes_without_batch
from keiryo.cost.receptive_field.field import Field, TensorField
from keiryo.cost.running.meta_copy import (
    NeedsValuesError,
    needs_values,
    set_evaluation_mode,
    weightless_copy,
)
from keiryo.cost.running.trace import trace
from keiryo.cost.separable import find_pairs
from keiryo.errors import InputError, one_line
from keiryo.records.costs import LayerCost, ReceptiveField, SeparablePair, Weighing

FLOAT32_BYTES = 4
# The figures of a row that further calls of its layer add to.
SUMMED = (
    *("calls", "macs", "elements", "padding_macs"),
    *("activation_bytes", "bytes_moved", "weight_bytes"),
)
# Batch norm's counter of its calls, which is no part of its state here.
BOOKKEEPING = "num_batches_tracked"


def weigh(module: nn.Module, input_shape: Inputs, *, name: str | None = None) -> Weighing:
    """Return the cost of `module` for one example, before any training.

    `input_shape` is the shape of one example, without the batch: (C, H, W) for images,
    (C, L) for recordings. A module with several inputs takes a list with a shape for
    each. An example tensor, batch included, may be given instead of a shape if values or
    another dtype are needed (token numbers, say).

    A copy of the module in evaluation mode is run once on meta tensors, which hold no
    data: functional calls, reused modules and control flow count as they happen, and the
    module itself is left as it was. If its control flow depends on values, it is run on
    the CPU instead, with random inputs, and the result's `notes` say so.
    `keiryo.cost.convention` defines what is counted. Raises InputError if the input does
    not fit.
    """
    # Thousands of small objects are made, and none refer to each other in a cycle.
    with _no_garbage_collection():
        return _weigh(module, input_shape, name or type(module).__name__)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _weigh(module: nn.Module, input_shape: Inputs, label: str) -> Weighing:
    parameters = (p for part in module.modules() for p in part._parameters.values())
    if any(is_lazy(p) for p in parameters if p is not None):
        lazy = next(name for name, p in module.named_parameters() if is_lazy(p))
        raise InputError(
            f"{label}: {lazy} has no shape yet; run the module once before weighing it"
        )
    notes: list[str] = []
    try:
        run = _trace_on(module, input_shape, device="meta")
    except RunError as error:
        if not needs_values(error):
            raise input_error(error, module, input_shape, label) from error.__cause__
        if _has_no_weights(module):
            raise NeedsValuesError(label, error) from error.__cause__
        why = one_line(error.__cause__ or error)
        notes.append(f"Run on the CPU with random input, since its forward needs values: {why}.")
        try:
            run = _trace_on(module, input_shape, device="cpu")
        except RunError as cpu_error:
            raise input_error(cpu_error, module, input_shape, label) from cpu_error.__cause__
    return _add_up(run, input_shape, label, notes)


def _trace_on(module: nn.Module, inputs: Inputs, *, device: str) -> Trace:
    network = set_evaluation_mode(weightless_copy(module, keep=device != "meta"))
    return trace(network, example_inputs(inputs, device))


def _has_no_weights(module: nn.Module) -> bool:
    return any(parameter.is_meta for parameter in module.parameters())


def _add_up(run: Trace, inputs: Inputs, label: str, notes: list[str]) -> Weighing:
    layers = _layers(run)
    parameters, state_elements = _parameters_and_state(run)
    known_macs = sum(layer.macs for layer in layers)
    unknown = [
        f"{operator} (in {place})" if place else operator
        for operator, place in run.unknown_operators.items()
    ]
    field = _last_field_with_positions(run)
    axis = None if field is None else max(field.axes, key=lambda axis: axis.size)
    if axis is None and run.unknown_at is not None:
        place, operator = run.unknown_at
        where = f" in {place}" if place else ""
        notes.append(f"Receptive field not known: not followed through {operator}{where}.")
    return Weighing(
        model=label,
        input_shape=shapes_without_batch(inputs),
        parameters=parameters,
        state_elements=state_elements,
        macs=None if unknown else known_macs,
        known_macs=known_macs,
        unknown_operators=unknown,
        elements=sum(layer.elements for layer in layers),
        size_bytes=state_elements * FLOAT32_BYTES,
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        peak_activation_bytes=run.peak_bytes,
        receptive_field=None if axis is None else axis.size,
        receptive_field_stride=None if axis is None else float(axis.step),
        receptive_field_offset=None if axis is None else axis.centre,
        padding_macs=sum(layer.padding_macs for layer in layers),
        notes=notes,
        convention=CONVENTION,
        layers=layers,
    )


def _parameters_and_state(run: Trace) -> tuple[int, int]:
    """Return the numbers of trainable and of persisted elements; each tensor counts once."""
    trainable = state = 0
    seen: set[int] = set()
    for module in run.modules.values():
        tensors = {**module._parameters, **module._buffers}
        for name, tensor in tensors.items():
            passing = name in module._non_persistent_buffers_set or name == BOOKKEEPING
            if tensor is None or passing or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            state += tensor.numel()
            trainable += tensor.numel() if tensor.requires_grad else 0
    return trainable, state


def _layers(run: Trace) -> list[LayerCost]:
    blocks = block_names(run.modules)
    pairs = find_pairs(run.calls)
    unclaimed = {
        id(parameter): parameter
        for module in run.modules.values()
        for parameter in module._parameters.values()
        if parameter is not None and parameter.requires_grad
    }
    rows: dict[tuple[object, ...], LayerCost] = {}
    names: dict[str, int] = {}
    for call in run.calls:
        key = (call.name, call.operator, *call.input_shapes, *call.output_shapes)
        if key in rows:
            rows[key] = _add_call(rows[key], call)
            continue
        # An operator's parameters belong to the row of its module.
        owned = [] if call.operator else _parameters(call.module)
        row = _row(call, blocks[call.name], _claim(owned, unclaimed), pairs.get(id(call)))
        # A layer has a row for each shape of its inputs.
        names[row.name] = names.get(row.name, 0) + 1
        if names[row.name] > 1:
            row = row.model_copy(update={"name": f"{row.name}#{names[row.name]}"})
        rows[key] = row
    idle = [
        _row_of_parameters(name, module, blocks[name], count)
        for name, module in run.modules.items()
        if (count := _claim(module._parameters.values(), unclaimed))
    ]
    return [*rows.values(), *idle]


def _row(
    call: LayerCall, block: str, parameters: int, separable: SeparablePair | None
) -> LayerCost:
    name, kind = call.name or type(call.module).__name__, type(call.module).__name__
    formula = None
    if call.operator is None:
        formula = layer_formula(call.module, call.input_shapes)
    else:
        kind = call.operator.rpartition(".")[2].strip("_")
        name = f"{call.name}.{kind}" if call.name else kind
    return LayerCost(
        name=name,
        block=block,
        type=kind,
        kind="other" if call.operator else layer_kind(call.module),
        calls=1,
        operators=call.operators,
        input_shape=list(call.input_shapes[0]) if call.input_shapes else [],
        output_shape=list(call.output_shapes[0]) if call.output_shapes else [],
        parameters=parameters,
        macs=call.macs,
        elements=call.elements,
        activation_bytes=sum(map(prod, call.output_shapes)) * FLOAT32_BYTES,
        bytes_moved=call.bytes_moved,
        weight_bytes=call.weight_bytes,
        formula=None if formula is None else formula.text,
        formula_macs=None if formula is None else formula.macs,
        padding_macs=0 if formula is None else min(formula.padding_macs, call.macs),
        difference=explain_difference(call, formula),
        receptive_field=_receptive_field(call.receptive_field),
        separable=separable,
    )


def _add_call(row: LayerCost, call: LayerCall) -> LayerCost:
    again = _row(call, row.block, 0, None)
    more = {field: getattr(row, field) + getattr(again, field) for field in SUMMED}
    more["operators"] = dict(Counter(row.operators) + Counter(again.operators))
    if row.formula_macs is not None and again.formula_macs is not None:
        more["formula_macs"] = row.formula_macs + again.formula_macs
    return row.model_copy(update=more)


def _row_of_parameters(name: str, module: nn.Module, block: str, count: int) -> LayerCost:
    return LayerCost(
        name=f"{name}.parameters" if name else "parameters",
        block=block,
        type=type(module).__name__,
        kind="other",
        calls=0,
        operators={},
        input_shape=[],
        output_shape=[],
        parameters=count,
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


def _claim(parameters: Iterable[Tensor | None], unclaimed: dict[int, nn.Parameter]) -> int:
    """Return the number of elements of `parameters` that no row has counted yet."""
    return sum(
        claimed.numel()
        for parameter in parameters
        if (claimed := unclaimed.pop(id(parameter), None)) is not None
    )


@lru_cache(maxsize=8)  # most layers have the same field as the one before them
def _receptive_field(field: TensorField) -> ReceptiveField | None:
    if not isinstance(field, Field):
        return None
    return ReceptiveField(
        size=[axis.size for axis in field.axes],
        stride=[float(axis.step) for axis in field.axes],
        offset=[axis.centre for axis in field.axes],
    )


def _last_field_with_positions(run: Trace) -> Field | None:
    """Return the field of the last layer with positions.

    None means that it could not be followed, or that no window slid over anything: the
    input's last dimensions may then be features.
    """
    slides = any("conv" in name or "pool" in name for call in run.calls for name in call.operators)
    if run.unknown_at is not None or not slides:
        return None
    fields = [call.receptive_field for call in run.calls]
    placed = [field for field in fields if isinstance(field, Field) and field.has_positions]
    return placed[-1] if placed else None
