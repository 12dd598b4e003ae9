"""The effect of rearranging a tensor on its receptive field: each axis's new dimension."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor

from keiryo.cost.receptive_field.field import (
    UNKNOWN,
    Axis,
    Field,
    Mapping,
    TensorField,
    UnknownField,
)

Arguments = dict[str, Any]
MIXED = -1


def keep(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow an operator that leaves every position where it was."""
    return field


def restride(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow another layout of the same values, if no position moves."""
    shape = outputs[0].shape
    for axis in field.axes:
        if axis.dimension is not None and tuple(shape)[axis.dimension :][:1] != (axis.positions,):
            return UNKNOWN
    return field


def permute(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a new order of the dimensions."""
    order = [dimension % len(arguments["dims"]) for dimension in arguments["dims"]]
    return field.rename_dimensions({old: new for new, old in enumerate(order)})


def transpose(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow the exchange of two dimensions; of the only two if none are named."""
    rank = outputs[0].dim()
    one = arguments.get("dim0", 0) % max(1, rank)
    other = arguments.get("dim1", 1) % max(1, rank)
    order = {dimension: dimension for dimension in range(rank)} | {one: other, other: one}
    return field.rename_dimensions(order)


def slice_positions(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a slice of positions, with a start and a step."""
    source, output = arguments["self"], outputs[0]
    along = arguments.get("dim", 0) % source.dim()
    length = source.shape[along]
    if output.shape[along] == length:
        return field
    start, stride = arguments.get("start") or 0, arguments.get("step", 1)
    start = max(0, start + length) if start < 0 else min(start, length)
    sliced = [axis for axis in field.axes if axis.dimension == along]
    if any(field.shares_dimension(axis) and axis.step for axis in sliced):
        return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        if dimension != along:
            return axis
        return axis.map(Mapping(1, stride, ((start,),)), output.shape[along])

    return field.change_axes(change)


def select(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow the choice of one position."""
    source = arguments["self"]
    along = arguments.get("dim", 0) % source.dim()
    return _at(field, along, arguments["index"] % source.shape[along])


def unbind(
    field: Field, arguments: Arguments, outputs: Sequence[Tensor]
) -> TensorField | list[TensorField]:
    """Follow each position of a dimension as a tensor of its own."""
    along = arguments.get("dim", 0) % arguments["self"].dim()
    if all(axis.dimension != along for axis in field.axes):
        return _without(field, {along})
    return [_at(field, along, place) for place in range(len(outputs))]


def _at(field: Field, along: int, place: int) -> TensorField:
    """Return the field of one position; where axes share a dimension, of all as a bound."""
    if sum(axis.dimension == along for axis in field.axes) > 1:
        pooled = _without(field, {along})
        return Field(
            tuple(
                after._replace(is_exact=after.is_exact and before.step == 0)
                if before.dimension == along
                else after
                for before, after in zip(field.axes, pooled.axes, strict=True)
            )
        )
    chosen = field.change_axes(lambda axis, d: axis.at(place) if d == along else axis)
    return _without(chosen, {along})


def flip(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow the reversal of dimensions."""
    shape = outputs[0].shape
    along = {dimension % len(shape) for dimension in arguments["dims"]}

    def change(axis: Axis, dimension: int) -> Axis:
        if dimension not in along:
            return axis
        return axis.map(Mapping(1, -1, ((shape[dimension] - 1,),)), shape[dimension])

    return (
        UNKNOWN
        if any(field.shares_dimension(axis) for axis in field.axes)
        else (field.change_axes(change))
    )


def gate(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a gated linear unit, which halves a dimension that is not one of positions."""
    along = arguments.get("dim", -1) % arguments["self"].dim()
    return UNKNOWN if any(axis.dimension == along for axis in field.axes) else field


def expand(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow repetition along dimensions of size 1, and new dimensions in front."""
    shift = outputs[0].dim() - arguments["self"].dim()
    if not shift:
        return field
    return field.change_axes(lambda axis, d: axis._replace(dimension=d + shift))


def squeeze(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow the removal of dimensions of size 1."""
    source, given = arguments["self"], arguments.get("dim")
    named = range(source.dim()) if given is None else [given] if isinstance(given, int) else given
    return _without(field, {d % source.dim() for d in named if source.shape[d] == 1})


def unsqueeze(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a new dimension of size 1."""
    rank = outputs[0].dim()
    along = arguments["dim"] % rank
    return field.rename_dimensions({d: d if d < along else d + 1 for d in range(rank)})


def split(
    field: Field, arguments: Arguments, outputs: Sequence[Tensor]
) -> TensorField | list[TensorField]:
    """Follow a split into parts along one dimension."""
    along = arguments.get("dim", 0) % arguments["self"].dim()
    inside = [axis for axis in field.axes if axis.dimension == along]
    if not inside:
        return field
    if any(field.shares_dimension(axis) and axis.step for axis in inside):
        return UNKNOWN
    fields: list[Field | UnknownField | None] = []
    start = 0
    for output in outputs:
        mapping = Mapping(1, 1, ((start,),))
        count = output.shape[along]
        fields.append(
            field.change_axes(
                lambda axis, d, mapping=mapping, count=count: (
                    axis.map(mapping, count) if d == along else axis
                )
            )
        )
        start += count
    return fields


def _without(field: Field, gone: set[int]) -> Field:
    def change(axis: Axis, dimension: int) -> Axis:
        if dimension in gone:
            return axis.pool()
        return axis._replace(dimension=dimension - sum(d < dimension for d in gone))

    return field.change_axes(change)


def reduce(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a sum, mean or maximum over dimensions; over all if none are named."""
    source, given = arguments["self"], arguments.get("dim")
    if given is None or given == []:
        reduced = set(range(source.dim()))
    else:
        reduced = {d % source.dim() for d in ([given] if isinstance(given, int) else given)}
    if not arguments.get("keepdim", False):
        return _without(field, reduced)
    return field.change_axes(lambda axis, d: axis.pool() if d in reduced else axis)


def reshape(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow dimensions through a change of shape.

    Axes may share a dimension afterwards (a map read as tokens), and be separated again.
    """
    old_shape, new_shape = arguments["self"].shape, outputs[0].shape
    axes = list(field.axes)
    for old, new in _matching_groups(old_shape, new_shape):
        inside = [i for i, axis in enumerate(field.axes) if axis.dimension in old]
        if not inside:
            continue
        places = _new_places(field, inside, old, new, old_shape, new_shape)
        if places is None:
            return UNKNOWN
        for index, place in zip(inside, places, strict=True):
            axis = field.axes[index]
            axes[index] = axis.pool() if place == MIXED else axis._replace(dimension=place)
    return Field(tuple(axes))


def _new_places(
    field: Field,
    inside: list[int],
    old: list[int],
    new: list[int],
    old_shape: Sequence[int],
    new_shape: Sequence[int],
) -> list[int] | None:
    """Return the new dimension of each axis `inside` a group; MIXED if merged with channels."""
    dimensions = {field.axes[index].dimension for index in inside}
    wide = [d for d in new if new_shape[d] > 1] or new[:1]
    if len(wide) == 1:
        others = [d for d in old if d not in dimensions and old_shape[d] > 1]
        # The batch may be in front; anything else that is merged with it is features.
        return [wide[0] if not any(others) else MIXED] * len(inside)
    positions = [field.axes[index].positions for index in inside]
    last = wide[-len(inside) :]
    return last if [new_shape[d] for d in last] == positions else None


def _matching_groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Return the smallest groups of neighbouring dimensions whose sizes have equal products."""
    groups: list[tuple[list[int], list[int]]] = []
    at_old = at_new = 0
    while at_old < len(old) or at_new < len(new):
        left, right = [], []
        while True:
            sizes = prod(old[d] for d in left), prod(new[d] for d in right)
            if left and right and sizes[0] == sizes[1]:
                break
            if at_old < len(old) and (not left or sizes[0] < sizes[1] or at_new == len(new)):
                left.append(at_old)
                at_old += 1
            elif at_new < len(new):
                right.append(at_new)
                at_new += 1
            else:
                break
        groups.append((left, right))
    return groups
