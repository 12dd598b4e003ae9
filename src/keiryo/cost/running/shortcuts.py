"""Results of operators on tensors without data, in the simple cases.

PyTorch computes shapes, types and layouts of many operators in Python, which takes most of
the time of weighing. Each rule here returns what PyTorch would, or None if the case is not
the simple one; then PyTorch is asked. Tests hold each rule against PyTorch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

Shortcut = Callable[[Sequence[Any], dict[str, Any]], Any]


def _like(tensor: Tensor) -> Tensor:
    """Return what torch.empty_like returns, which takes twenty times as long without data."""
    if tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last):
        return torch.empty_strided(
            tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
        )
    return torch.empty_like(tensor)


def _new(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=tensor.dtype, device=tensor.device)


def _like_first_real(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    return _like(arguments[0]) if arguments[0].is_floating_point() else None


def _first(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor:
    return arguments[0]


def _binary(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    left, right = arguments[:2]
    if not isinstance(left, Tensor) or not left.is_floating_point():
        return None
    if isinstance(right, (int, float)) or _spreads_over(right, left):
        return _like(left)
    return _like(right) if _spreads_over(left, right) else None


def _spreads_over(small: Tensor, large: Tensor) -> bool:
    """Return True if broadcasting `small` gives the shape and type of `large`."""
    if small.dtype is not large.dtype or small.device != large.device:
        return False
    if small.shape == large.shape:
        return True
    missing = large.dim() - small.dim()
    return missing >= 0 and all(
        size in (1, full) for size, full in zip(small.shape, large.shape[missing:], strict=True)
    )


def _binary_in_place(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    left, right = arguments[:2]
    plain = isinstance(right, (int, float)) or (
        isinstance(right, Tensor) and left.dtype is right.dtype and left.shape == right.shape
    )
    return left if plain and left.is_floating_point() else None


def _convolution(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # convolution(input, weight, bias, stride, padding, dilation, transposed, ..., groups)
    source, weight, bias, strides, paddings, dilations, transposed, _, groups = arguments
    shape, kernel = source.shape, weight.shape
    batch, channels, *lengths = shape
    out_channels, in_group, *taps = kernel
    if transposed or len(lengths) != len(taps) or channels != in_group * groups:
        return None
    if groups < 1 or out_channels % groups or 0 in shape or 0 in kernel:
        return None
    if source.dtype is not weight.dtype or not weight.is_meta or not source.is_contiguous():
        return None
    if bias is not None and (bias.shape != kernel[:1] or bias.dtype is not weight.dtype):
        return None
    outputs = [batch, out_channels]
    for length, tap, stride, padding, dilation in zip(
        lengths, taps, strides, paddings, dilations, strict=True
    ):
        reach = dilation * (tap - 1)
        if stride < 1 or dilation < 1 or padding < 0 or length + 2 * padding <= reach:
            return None
        outputs.append((length + 2 * padding - reach - 1) // stride + 1)
    return _new(source, outputs)


def _batch_norm(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # batch_norm(input, weight, bias, mean, variance, training, ...)
    source, statistics, training = arguments[0], arguments[3], arguments[5]
    if training or statistics is None or statistics.numel() != source.shape[1]:
        return None
    return _like(source)


def _layer_norm(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # Its output is contiguous whatever its input was.
    source, normalized = arguments[:2]
    if list(source.shape[source.dim() - len(normalized) :]) != list(normalized):
        return None
    return _new(source, source.shape)


def _group_norm(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    source, groups = arguments[:2]
    weight = arguments[2] if len(arguments) > 2 else None
    channels = source.shape[1]
    if channels % groups or (weight is not None and weight.numel() != channels):
        return None
    return _like(source)


def _attention(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # scaled_dot_product_attention(query, key, value, mask, ...): (..., L, E), (..., S, E),
    # (..., S, V). Without data PyTorch would allocate all scores, which a real run does not.
    query, key, value = arguments[:3]
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        return None
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        return None
    return _new(query, [*query.shape[:-1], value.shape[-1]])


def _linear(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    source, weight = arguments[:2]
    if source.shape[-1] != weight.shape[1]:
        return None
    return _new(source, [*source.shape[:-1], weight.shape[0]])


def _mean(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    source, dimensions = arguments[:2]
    if not source.is_floating_point() or not dimensions or named or source.dim() == 0:
        return None
    reduced = {dimension % source.dim() for dimension in dimensions}
    keeps = len(arguments) > 2 and arguments[2]
    shape = [
        1 if dimension in reduced else size
        for dimension, size in enumerate(source.shape)
        if keeps or dimension not in reduced
    ]
    return _new(source, shape) if source.is_contiguous() else None


def _vector_norm(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # linalg_vector_norm(input, order, dimensions, keepdim)
    return _mean([arguments[0], *arguments[2:]], named) if len(arguments) > 2 else None


def _addcmul(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # addcmul(input, one, other): the largest has the result's shape.
    largest = max(arguments[:3], key=lambda tensor: tensor.numel())
    plain = all(_spreads_over(tensor, largest) for tensor in arguments[:3])
    return _like(largest) if plain and largest.is_contiguous() else None


def _softmax(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # softmax(input, dimension, dtype)
    source = arguments[0]
    plain = len(arguments) == 2 and not named and source.is_floating_point()
    return _like(source) if plain and source.is_contiguous() else None


def _rolled(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # roll(input, shifts, dimensions), which PyTorch composes of slices.
    source, *along = arguments
    shifts, dimensions = [each if isinstance(each, (list, tuple)) else [each] for each in along]
    plain = len(shifts) == len(dimensions) and all(
        -source.dim() <= dimension < source.dim() for dimension in dimensions
    )
    return _new(source, source.shape) if plain and source.is_contiguous() else None


def _dropout(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    # dropout(input, share, training)
    return None if arguments[2] else arguments[0]


def _product(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    left, right = arguments[:2]
    if left.shape[-1] != right.shape[-2] or left.shape[:-2] != right.shape[:-2]:
        return None
    return _new(left, [*left.shape[:-1], right.shape[-1]])


def _concatenation(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    tensors = arguments[0]
    along = arguments[1] if len(arguments) > 1 else 0
    first = tensors[0]
    shape = list(first.shape)
    total = 0
    for tensor in tensors:
        if tensor.dim() != first.dim() or tensor.dtype is not first.dtype:
            return None
        sizes = list(tensor.shape)
        total += sizes[along]
        sizes[along] = shape[along]
        if sizes != shape or not tensor.is_contiguous():
            return None
    shape[along] = total
    return _new(first, shape)


def _random(place: int, dtype: torch.dtype | None) -> Shortcut:
    """Return the rule for random numbers of the sizes in argument `place`.

    PyTorch would load its compiler for them, which takes seconds.
    """

    def rule(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor:
        chosen = named.get("dtype") or dtype or torch.get_default_dtype()
        return torch.empty(list(arguments[place]), dtype=chosen, device="meta")

    return rule


def _random_like(arguments: Sequence[Any], named: dict[str, Any]) -> Tensor | None:
    return None if named.get("dtype") or named.get("memory_format") else _like(arguments[0])


# The operators that keep the shape; the first have a form that works in place.
_POINTWISE = "relu hardtanh hardswish hardsigmoid silu sigmoid leaky_relu elu"
_ALSO_POINTWISE = "gelu tanh exp sqrt rsqrt clamp_min"

SHORTCUTS: dict[Any, Shortcut] = {
    **{
        getattr(aten, name).default: _like_first_real
        for name in f"{_POINTWISE} {_ALSO_POINTWISE}".split()
    },
    **{getattr(aten, f"{name}_").default: _first for name in _POINTWISE.split()},
    aten.pow.Tensor_Scalar: _like_first_real,
    aten.rand.default: _random(0, None),
    aten.randn.default: _random(0, None),
    aten.randint.default: _random(1, torch.int64),
    aten.randint.low: _random(2, torch.int64),
    **dict.fromkeys((aten.rand_like.default, aten.randn_like.default), _random_like),
    **dict.fromkeys(
        (
            *(aten.normal_.default, aten.uniform_.default, aten.bernoulli_.float),
            *(aten.random_.default, aten.exponential_.default),
        ),
        _first,
    ),
    **dict.fromkeys((aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor), _binary),
    **dict.fromkeys((aten.add_.Tensor, aten.mul_.Tensor), _binary_in_place),
    aten.convolution.default: _convolution,
    aten.batch_norm.default: _batch_norm,
    aten.layer_norm.default: _layer_norm,
    aten.group_norm.default: _group_norm,
    aten.scaled_dot_product_attention.default: _attention,
    aten.linear.default: _linear,
    aten.mean.dim: _mean,
    aten.linalg_vector_norm.default: _vector_norm,
    aten.addcmul.default: _addcmul,
    aten.softmax.int: _softmax,
    aten.dropout.default: _dropout,
    aten.roll.default: _rolled,
    aten.mm.default: _product,
    aten.bmm.default: _product,
    aten.cat.default: _concatenation,
}
