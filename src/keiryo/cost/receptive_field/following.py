"""Receptive fields followed through a run, operator by operator."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from keiryo.cost.operators.decide import has_tag
from keiryo.cost.operators.element_work import NORMALIZATION, REPETITIONS
from keiryo.cost.operators.work import packets
from keiryo.cost.receptive_field import shapes as field_shapes
from keiryo.cost.receptive_field import windows as field_windows
from keiryo.cost.receptive_field.field import UNKNOWN, Field, TensorField, UnknownField

aten = torch.ops.aten

Arguments = dict[str, Any]
FieldOf = Callable[[Tensor], TensorField]
# A field for all results, or one for each.
Followed = TensorField | list[TensorField]
Rule = Callable[[Field, Arguments, Sequence[Tensor]], Followed]
Follower = Callable[[Arguments, Sequence[Tensor], FieldOf], Followed]
# Where several tensors meet, in one result.
Combination = Callable[[Arguments, Tensor, FieldOf], TensorField]


def follower(operator: OpOverload) -> Follower:
    """Return the function that gives the fields of the results of `operator`.

    It takes the arguments of a call by their names.
    """
    packet = operator.overloadpacket
    if packet in _WITHOUT_VALUES:
        return lose_field
    rule = _RULES.get(packet)
    if rule is None and has_tag(operator, torch.Tag.reduction):
        rule = field_shapes.reduce
    if rule is not None:
        return partial(_change, rule, packet.__name__)
    combination: Combination | None = None
    if packet in _PRODUCTS:
        combination = partial(_product, *_PRODUCTS[packet])
    elif packet in _ATTENTION:
        combination = _attention
    elif packet in (aten.cat, aten.stack):
        combination = partial(_join, is_new_dimension=packet is aten.stack)
    elif packet in _ELEMENT_WISE or has_tag(operator, torch.Tag.pointwise):
        combination = _element_wise
    return partial(_combine, combination)


def lose_field(arguments: Arguments, outputs: Sequence[Tensor], field_of: FieldOf) -> Followed:
    """Give results that do not depend on the input."""
    return None


def _change(
    rule: Rule, name: str, arguments: Arguments, outputs: Sequence[Tensor], field_of: FieldOf
) -> Followed:
    # These change one tensor; their other arguments (a weight) do not depend on the input.
    field = field_of(next(iter(arguments.values())))
    if not isinstance(field, Field):
        return field
    return rule(field, arguments | {field_windows.OPERATOR: name}, outputs)


def _combine(
    combination: Combination | None,
    arguments: Arguments,
    outputs: Sequence[Tensor],
    field_of: FieldOf,
) -> Followed:
    fields = [field_of(tensor) for tensor in _tensors(list(arguments.values()))]
    if all(field is None for field in fields):
        return None
    if combination is None or any(isinstance(field, UnknownField) for field in fields):
        return UNKNOWN
    return combination(arguments, outputs[0], field_of)


def keeps_field(operator: OpOverload, tensor_arguments: Sequence[str]) -> bool:
    """Return True if the result of `operator` always has its first argument's field."""
    packet = operator.overloadpacket
    if packet in _RULES:
        return _RULES[packet] is field_shapes.keep
    is_alone = len(tensor_arguments) == 1
    return is_alone and (packet in _ELEMENT_WISE or has_tag(operator, torch.Tag.pointwise))


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def _element_wise(arguments: Arguments, output: Tensor, field_of: FieldOf) -> TensorField:
    union: Field | None = None
    rank = output.dim()
    for tensor in _tensors(list(arguments.values())):
        field = field_of(tensor)
        if not isinstance(field, Field) or field is union:
            continue
        # Broadcasting aligns the last dimensions.
        shift = rank - tensor.dim()
        if shift:
            field = field.rename_dimensions({d: d + shift for d in range(tensor.dim())})
        union = field.union(union)
    return union


def _join(
    arguments: Arguments, output: Tensor, field_of: FieldOf, *, is_new_dimension: bool
) -> TensorField:
    along = arguments.get("dim", 0) % output.dim()
    union: Field | None = None
    for tensor in arguments["tensors"]:
        field = field_of(tensor)
        if not isinstance(field, Field):
            continue
        if is_new_dimension:
            shift = {d: d if d < along else d + 1 for d in range(tensor.dim())}
            field = field.rename_dimensions(shift)
        elif any(
            axis.dimension == along and not field.shares_dimension(axis) for axis in field.axes
        ):
            # Each position is given what all of its part see.
            field = field.change_axes(
                lambda axis, d: (
                    axis.see_all()._replace(
                        positions=output.shape[along], is_exact=axis.is_exact and axis.step == 0
                    )
                    if d == along
                    else axis
                )
            )
        union = field.union(union)
    return union


def _product(
    left: str, right: str, arguments: Arguments, output: Tensor, field_of: FieldOf
) -> TensorField:
    """Follow (..., L, K) @ (..., K, M): the axes that are summed over are pooled."""
    union: Field | None = None
    for name, summed in ((left, -1), (right, -2)):
        tensor = arguments[name]
        field = field_of(tensor)
        if isinstance(field, Field):
            along = tensor.dim() + summed
            pooled = field.change_axes(
                lambda axis, d, along=along: axis.pool() if d == along else axis
            )
            union = pooled.union(union)
    return union


def _attention(arguments: Arguments, output: Tensor, field_of: FieldOf) -> TensorField:
    query = field_of(arguments["query"])
    union = query if isinstance(query, Field) else None
    for name in ("key", "value"):
        field = field_of(arguments[name])
        if isinstance(field, Field):
            union = field.change_axes(lambda axis, _: axis.see_all()).union(union)
    return union


def _softmax(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    along = arguments["dim"] % arguments["self"].dim()
    return field.change_axes(lambda axis, d: axis.see_all() if d == along else axis)


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
_ELEMENT_WISE = packets(
    """
    hardswish hardswish_ _prelu_kernel masked_fill_ native_dropout log_sigmoid_forward complex
    polar copy_ rrelu_with_noise fake_quantize_per_tensor_affine_cachemask detach_ lift_fresh
    """
)
# What depends on the shape of its argument alone.
_WITHOUT_VALUES = packets(
    """
    zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_empty new_zeros
    new_ones new_full new_empty_strided
    """
)
_RULES: dict[Any, Rule] = {
    aten.convolution: field_windows.convolve,
    aten.max_pool2d_with_indices: field_windows.pool,
    aten.max_pool3d_with_indices: field_windows.pool,
    aten.avg_pool2d: field_windows.pool,
    aten.avg_pool3d: field_windows.pool,
    aten._adaptive_avg_pool2d: field_windows.pool_adaptively,
    aten._adaptive_avg_pool3d: field_windows.pool_adaptively,
    aten.adaptive_max_pool2d: field_windows.pool_adaptively,
    aten.adaptive_max_pool3d: field_windows.pool_adaptively,
    aten.constant_pad_nd: field_windows.pad,
    aten.reflection_pad1d: field_windows.pad,
    aten.reflection_pad2d: field_windows.pad,
    aten.replication_pad1d: field_windows.pad,
    aten.replication_pad2d: field_windows.pad,
    aten.softmax: _softmax,
    aten._softmax: _softmax,
    aten._log_softmax: _softmax,
    aten._safe_softmax: _softmax,
    aten.permute: field_shapes.permute,
    aten.transpose: field_shapes.transpose,
    aten.t: field_shapes.transpose,
    aten.slice: field_shapes.slice_positions,
    aten.select: field_shapes.select,
    aten.unbind: field_shapes.unbind,
    aten.unsafe_split: field_shapes.split,
    aten.unsafe_split_with_sizes: field_shapes.split,
    aten.flip: field_shapes.flip,
    aten.glu: field_shapes.gate,
    aten.expand: field_shapes.expand,
    aten.pixel_shuffle: field_windows.shuffle_to_positions,
    aten.pixel_unshuffle: field_windows.shuffle_to_channels,
    aten.unfold: field_windows.unfold,
    aten._pad_circular: field_windows.pad,
    aten.reflection_pad3d: field_windows.pad,
    aten.replication_pad3d: field_windows.pad,
    aten.split: field_shapes.split,
    aten.split_with_sizes: field_shapes.split,
    aten.view: field_shapes.reshape,
    aten._unsafe_view: field_shapes.reshape,
    aten._reshape_alias: field_shapes.reshape,
    aten.as_strided_: field_shapes.restride,
    aten.unsqueeze: field_shapes.unsqueeze,
    aten.squeeze: field_shapes.squeeze,
}
_RULES |= dict.fromkeys(
    REPETITIONS
    | packets(
        """
        upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
        _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_lanczos2d_aa
        """
    ),
    field_windows.upsample,
)
# Operators that move nothing. Normalisation is one: its statistics do not count as seeing.
_RULES |= dict.fromkeys(
    (
        aten.channel_shuffle,
        aten.clone,
        aten.alias,
        aten.detach,
        aten.dropout,
        aten._to_copy,
        *NORMALIZATION,
    ),
    field_shapes.keep,
)
