"""Following receptive fields through a run, operator by operator."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from keiryo.cost.operators import NORMALIZATION, REPETITIONS, has_tag
from keiryo.cost.receptive_field import shapes as field_shapes
from keiryo.cost.receptive_field import windows as field_windows
from keiryo.cost.receptive_field.field import LOST, Field, Known, Lost

aten = torch.ops.aten

Arguments = dict[str, Any]
FieldOf = Callable[[Tensor], Known]
Rule = Callable[[Field, Arguments, Sequence[Tensor]], Known]


def follow(
    operator: OpOverload, arguments: Arguments, outputs: Sequence[Tensor], field_of: FieldOf
) -> Known:
    """Return the field of what `operator` made of `arguments` (by their names)."""
    packet = operator.overloadpacket
    rule = _RULES.get(packet)
    if rule is None and has_tag(operator, torch.Tag.reduction):
        rule = field_shapes.reduction
    if rule is not None:
        # These change one tensor; what else they are given (a weight) depends on no input.
        field = field_of(next(iter(arguments.values())))
        return rule(field, arguments, outputs) if isinstance(field, Field) else field
    known = [field_of(tensor) for tensor in _tensors(list(arguments.values()))]
    if all(field is None for field in known):
        return None
    if any(isinstance(field, Lost) for field in known):
        return LOST
    if packet in _PRODUCTS:
        return _product(*_PRODUCTS[packet], arguments, field_of)
    if packet in _ATTENTION:
        return _attention(arguments, field_of)
    if packet in (aten.cat, aten.stack):
        return _joining(arguments, outputs[0], field_of, is_new_dimension=packet is aten.stack)
    if packet in _ELEMENT_WISE or has_tag(operator, torch.Tag.pointwise):
        return _element_wise(arguments, outputs[0], field_of)
    return LOST


def keeps_field(operator: OpOverload, tensor_arguments: Sequence[str]) -> bool:
    """Return True if the result of `operator` always sees what its first argument saw."""
    packet = operator.overloadpacket
    if packet in _RULES:
        return _RULES[packet] is field_shapes.same
    is_alone = len(tensor_arguments) == 1
    return is_alone and (packet in _ELEMENT_WISE or has_tag(operator, torch.Tag.pointwise))


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _element_wise(arguments: Arguments, output: Tensor, field_of: FieldOf) -> Known:
    union: Field | None = None
    rank = output.dim()
    for tensor in _tensors(list(arguments.values())):
        field = field_of(tensor)
        if not isinstance(field, Field) or field is union:
            continue
        # Broadcasting aligns the last dimensions.
        shift = rank - tensor.dim()
        if shift:
            field = field.renamed({d: d + shift for d in range(tensor.dim())})
        union = field.union(union)
    return union


def _joining(
    arguments: Arguments, output: Tensor, field_of: FieldOf, *, is_new_dimension: bool
) -> Known:
    along = arguments.get("dim", 0) % output.dim()
    union: Field | None = None
    for tensor in arguments["tensors"]:
        field = field_of(tensor)
        if not isinstance(field, Field):
            continue
        if is_new_dimension:
            shift = {d: d if d < along else d + 1 for d in range(tensor.dim())}
            field = field.renamed(shift)
        elif any(
            axis.dimension == along and not field.shares_dimension(axis) for axis in field.axes
        ):
            return LOST
        union = field.union(union)
    return union


def _product(left: str, right: str, arguments: Arguments, field_of: FieldOf) -> Known:
    """Follow (..., L, K) @ (..., K, M): what is summed over is pooled."""
    union: Field | None = None
    for name, summed in ((left, -1), (right, -2)):
        tensor = arguments[name]
        field = field_of(tensor)
        if isinstance(field, Field):
            along = tensor.dim() + summed
            pooled = field.changed(
                lambda axis, d, along=along: axis.pooled() if d == along else axis
            )
            union = pooled.union(union)
    return union


def _attention(arguments: Arguments, field_of: FieldOf) -> Known:
    query = field_of(arguments["query"])
    union = query if isinstance(query, Field) else None
    for name in ("key", "value"):
        field = field_of(arguments[name])
        if isinstance(field, Field):
            union = field.changed(lambda axis, _: axis.seeing_all()).union(union)
    return union


def _softmax(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    along = arguments["dim"] % arguments["self"].dim()
    return field.changed(lambda axis, d: axis.seeing_all() if d == along else axis)


_PRODUCTS = {
    aten.linear: ("input", "weight"),
    aten.mm: ("self", "mat2"),
    aten.bmm: ("self", "mat2"),
    aten.addmm: ("mat1", "mat2"),
    aten.baddbmm: ("batch1", "batch2"),
}
_ATTENTION = frozenset(
    {
        aten.scaled_dot_product_attention,
        aten._scaled_dot_product_flash_attention_for_cpu,
        aten._scaled_dot_product_flash_attention,
        aten._scaled_dot_product_efficient_attention,
        aten._scaled_dot_product_cudnn_attention,
    }
)
_ELEMENT_WISE = frozenset(
    {aten.hardswish, aten.hardswish_, aten._prelu_kernel, aten.masked_fill_, aten.native_dropout}
)
_RULES: dict[Any, Rule] = {
    aten.convolution: field_windows.convolution,
    aten.max_pool2d_with_indices: field_windows.pooling,
    aten.max_pool3d_with_indices: field_windows.pooling,
    aten.avg_pool2d: field_windows.pooling,
    aten.avg_pool3d: field_windows.pooling,
    aten._adaptive_avg_pool2d: field_windows.adaptive_pooling,
    aten._adaptive_avg_pool3d: field_windows.adaptive_pooling,
    aten.adaptive_max_pool2d: field_windows.adaptive_pooling,
    aten.adaptive_max_pool3d: field_windows.adaptive_pooling,
    aten.constant_pad_nd: field_windows.padding,
    aten.reflection_pad1d: field_windows.padding,
    aten.reflection_pad2d: field_windows.padding,
    aten.replication_pad1d: field_windows.padding,
    aten.replication_pad2d: field_windows.padding,
    aten.softmax: _softmax,
    aten._softmax: _softmax,
    aten._log_softmax: _softmax,
    aten._safe_softmax: _softmax,
    aten.permute: field_shapes.permutation,
    aten.transpose: field_shapes.transposition,
    aten.t: field_shapes.transposition,
    aten.slice: field_shapes.slicing,
    aten.select: field_shapes.selection,
    aten.unbind: field_shapes.selection,
    aten.split: field_shapes.splitting,
    aten.split_with_sizes: field_shapes.splitting,
    aten.view: field_shapes.reshaping,
    aten._unsafe_view: field_shapes.reshaping,
    aten._reshape_alias: field_shapes.reshaping,
    aten.as_strided_: field_shapes.restriding,
    aten.unsqueeze: field_shapes.unsqueezing,
    aten.squeeze: field_shapes.squeezing,
}
_RULES |= dict.fromkeys(REPETITIONS, field_windows.nearest_upsampling)
# What moves nothing, and statistics over positions, which do not count as seeing.
_RULES |= dict.fromkeys(
    (
        aten.expand,
        aten.clone,
        aten.alias,
        aten.detach,
        aten.dropout,
        aten._to_copy,
        *NORMALIZATION,
    ),
    field_shapes.same,
)
