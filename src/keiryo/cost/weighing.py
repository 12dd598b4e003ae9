"""The cost of a module for a given input, layer by layer."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.cost.attempts import run_once
from keiryo.cost.calls import Trace
from keiryo.cost.convention import CONVENTION
from keiryo.cost.inputs import Given, Inputs, read_dtype, read_inputs
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.receptive_field.field import Field
from keiryo.cost.rows import layer_rows
from keiryo.cost.running.units import element_bytes
from keiryo.cost.training_step import training_step
from keiryo.errors import InputError
from keiryo.records.costs import Weighing

# Batch norm's counter of its calls, which is no part of its state here.
BOOKKEEPING = "num_batches_tracked"
# Scratch memory that could raise the peak by less than this is not worth a word.
NEGLIGIBLE = 0.02


def weigh(
    module: nn.Module,
    input_shape: Inputs,
    *,
    name: str | None = None,
    batch: int = 1,
    dtype: str | torch.dtype = torch.float32,
    rules: Mapping[Any, Callable[..., int]] | None = None,
    training: bool = False,
) -> Weighing:
    """Return the cost of `module` for one example, or `batch` of them, before any training.

    `input_shape` is the shape of one example, without the batch: (C, H, W) for images,
    (C, L) for recordings, "128:int64" for 128 token numbers. A module with several inputs
    takes a list with one for each, or a dictionary by keyword; tensors (batch included),
    dictionaries of them, numbers and None are handed on as they are.

    A copy of the module in evaluation mode is run once on meta tensors, which hold no
    data: functional calls, reused modules and control flow count as they happen, and the
    module itself is left as it was. If it cannot run so (its control flow depends on
    values, say), it is run on the CPU instead, with random inputs, and the result's `notes`
    say so. Lazy layers take their sizes from the input.

    `dtype` is the floating-point format in which sizes in bytes are given. `rules` count
    operators and modules that keiryo does not know: from an operator (torch.ops.library.name or
    "library::name") to a function of its arguments and results, or from a class of modules to a
    function of the module, its inputs and its results, which return multiply-accumulates.
    `training` adds what a step of training costs. `keiryo.cost.convention` defines what is
    counted. Raises InputError if the input does not fit.
    """
    label = name or type(module).__name__
    if not isinstance(module, nn.Module):
        kind = getattr(module, "__name__", label)
        is_class = isinstance(module, type) and issubclass(module, nn.Module)
        raise InputError(
            f"{kind}: is a class; give a module of it, for example {kind}()"
            if is_class
            else f"{label}: is no torch.nn.Module"
        )
    given = read_inputs(input_shape, batch=batch)
    real = _real_bytes(dtype)
    # Thousands of small objects are made, and none refer to each other in a cycle.
    with _no_garbage_collection():
        notes: list[str] = []
        run = run_once(module, given, label, notes, real_bytes=real, rules=Rules(rules))
        weighing = _add_up(run, given, label, notes, real, str(dtype).removeprefix("torch."))
        if not training:
            return weighing
        step = training_step(module, given, label, real_bytes=real, forward_macs=run_macs(run))
        return weighing.model_copy(update={"training": step})


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run_macs(run: Trace) -> int:
    """Return the multiply-accumulates of all known operators of `run`."""
    return sum(call.macs for call in run.calls)


def _real_bytes(dtype: str | torch.dtype) -> int:
    known = read_dtype(dtype) if isinstance(dtype, str) else dtype
    if not isinstance(known, torch.dtype) or not known.is_floating_point:
        raise InputError(
            f"dtype: {dtype} is no floating-point format; give float32, bfloat16 or another"
        )
    return known.itemsize


def _add_up(
    run: Trace, given: Given, label: str, notes: list[str], real: int, dtype: str
) -> Weighing:
    layers = layer_rows(run)
    state = _State(run, real)
    known_macs = sum(layer.macs for layer in layers)
    if run.transforms:
        named = ", ".join(f"{calls} × {name}" for name, calls in run.transforms.items())
        notes.append(
            f"Fourier transforms ({named}) are no multiply-accumulates; they count as N log2 N "
            "elements visited."
        )
    field = _network_field(run, notes)
    axis = None if field is None else max(field.axes, key=lambda axis: axis.size)
    shapes = given.shapes
    return Weighing(
        model=label,
        input_shape=shapes[0] if len(shapes) == 1 else shapes,
        batch=given.examples_at_once,
        dtype=dtype,
        parameters=state.trainable,
        frozen_parameters=state.frozen,
        state_elements=state.elements,
        macs=None if run.unknown_operators else known_macs,
        known_macs=known_macs,
        unknown_operators=[_with_places(*item) for item in run.unknown_operators.items()],
        elements=sum(layer.elements for layer in layers),
        size_bytes=state.bytes,
        own_size_bytes=state.own_bytes,
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        peak_activation_bytes=run.peak_bytes,
        peak_is_lower_bound=run.scratch_peak_bytes > run.peak_bytes * (1 + NEGLIGIBLE),
        receptive_field=None if axis is None else axis.size,
        receptive_field_stride=None if axis is None else float(axis.stride),
        receptive_field_offset=None if axis is None else axis.centre,
        receptive_field_is_upper_bound=field is not None and not field.is_exact,
        padding_macs=sum(layer.padding_macs for layer in layers),
        notes=notes,
        convention=CONVENTION,
        layers=layers,
    )


def _with_places(operator: str, places: Mapping[str, None]) -> str:
    named = [place for place in places if place]
    if not named:
        return operator
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return f"{operator} (in {', '.join(named[:3])}{more})"


class _State:
    """The numbers of elements, each tensor counted once, and their bytes."""

    def __init__(self, run: Trace, real: int) -> None:
        self.trainable = self.frozen = self.elements = self.bytes = self.own_bytes = 0
        seen: set[int] = set()
        for module in run.modules.values():
            tensors: list[Tensor | None] = [*module._parameters.values()]
            for name, buffer in module._buffers.items():
                if name != BOOKKEEPING and name not in module._non_persistent_buffers_set:
                    tensors.append(buffer)
            for tensor in tensors:
                if tensor is None or id(tensor) in seen:
                    continue
                seen.add(id(tensor))
                count, dtype = tensor.numel(), tensor.dtype
                self.elements += count
                self.bytes += count * element_bytes(dtype, real)
                self.own_bytes += count * dtype.itemsize
                if tensor.requires_grad:
                    self.trainable += count
                elif isinstance(tensor, nn.Parameter):
                    self.frozen += count


def _network_field(run: Trace, notes: list[str]) -> Field | None:
    """Return the field of the last layer with positions.

    None means that no window slid over anything: the input's last dimensions may then be
    features. If the field was lost on the way, it is the whole input, as an upper bound.
    """
    slides = any("conv" in name or "pool" in name for call in run.calls for name in call.operators)
    fields = [call.receptive_field for call in run.calls]
    known = [field for field in fields if isinstance(field, Field)]
    if not slides or not known:
        return None
    if run.unknown_at is not None:
        place, operator = run.unknown_at
        where = f" in {place}" if place else ""
        notes.append(
            f"Receptive field: at most the whole input, since it was not followed through "
            f"{operator}{where}."
        )
        return known[0].see_whole_input()
    placed = [field for field in known if field.has_positions]
    return placed[-1] if placed else None
