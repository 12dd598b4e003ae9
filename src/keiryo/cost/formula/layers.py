"""The closed formulas of PyTorch's layers, by hyperparameters and input shape; nothing runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple

from torch import nn
from torch.nn.modules import activation, dropout
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.pooling import (
    _AdaptiveAvgPoolNd,
    _AdaptiveMaxPoolNd,
    _AvgPoolNd,
    _MaxPoolNd,
)

from keiryo.cost.formula import formulas

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerFormula:
    """The cost of a layer by its closed formula; `text` is the formula with its numbers."""

    text: str
    macs: int
    elements: int | None  # None: left to the count
    padding_macs: int = 0  # the part of `macs` on padding, or for an output that is cut off


def layer_formula(layer: nn.Module, shapes: Sequence[Shape]) -> LayerFormula | None:
    """Return the formula of `layer` for inputs of `shapes`, the batch in front.

    None means that the layer has no closed formula here, or would refuse the input.
    """
    if not shapes:
        return None
    formula = _formula_for(type(layer))
    return None if formula is None else formula(layer, shapes)


@cache
def formula_class(kind: type[nn.Module]) -> type[nn.Module] | None:
    """Return the class of PyTorch whose formula holds for layers of `kind`, if there is one."""
    if _formula_for(kind) is None:
        return None
    return next(base for base in kind.__mro__ if base.__module__.startswith("torch."))


@cache
def _formula_for(kind: type[nn.Module]) -> "_Formula | None":
    return next((formula for kinds, formula in _FORMULAS if issubclass(kind, kinds)), None)


class _Convolution(NamedTuple):
    """The hyperparameters of a convolution that its formula depends on."""

    in_channels: int
    out_channels: int
    groups: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    padding_mode: str
    has_bias: bool


def _convolution(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    padding = layer.padding
    return _formula_of_convolution(
        _Convolution(
            layer.in_channels,
            layer.out_channels,
            layer.groups,
            tuple(layer.kernel_size),
            tuple(layer.stride),
            padding if isinstance(padding, str) else tuple(padding),
            tuple(layer.dilation),
            layer.padding_mode,
            layer.bias is not None,
        ),
        shapes[0],
    )


@lru_cache(maxsize=1024)  # networks repeat their layers
def _formula_of_convolution(c: _Convolution, shape: Shape) -> LayerFormula:
    batch, spatial = shape[0], shape[2:]
    padding = _padding_before_and_in_all(c)
    outputs = [
        formulas.output_length(length, kernel=k, stride=s, padding=both, dilation=d)
        for length, k, s, (_, both), d in zip(
            spatial, c.kernel, c.stride, padding, c.dilation, strict=True
        )
    ]
    macs = formulas.convolution_macs(
        batch, outputs, c.kernel, c.in_channels, c.out_channels, c.groups
    )
    on_input = macs
    if c.padding_mode == "zeros" and min(outputs) > 0:
        pairs = prod(
            formulas.taps_on_input(length, out, kernel=k, stride=s, padding=before, dilation=d)
            for length, out, k, s, (before, _), d in zip(
                spatial, outputs, c.kernel, c.stride, padding, c.dilation, strict=True
            )
        )
        on_input = batch * pairs * c.in_channels * c.out_channels // c.groups
    return LayerFormula(
        text=_convolution_text(batch, outputs, c.kernel, c),
        macs=macs,
        elements=batch * prod(outputs) * c.out_channels if c.has_bias else 0,
        padding_macs=macs - on_input,
    )


def _padding_before_and_in_all(c: _Convolution) -> list[tuple[int, int]]:
    if isinstance(c.padding, str):
        both = [d * (k - 1) for d, k in zip(c.dilation, c.kernel, strict=True)]
        return [(total // 2, total) if c.padding == "same" else (0, 0) for total in both]
    return [(padding, 2 * padding) for padding in c.padding]


def _transposed_convolution(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    spatial = shapes[0][2:]
    batch, kernel = shapes[0][0], layer.kernel_size
    outputs = [
        formulas.transposed_output_length(
            length, kernel=k, stride=s, padding=2 * p, output_padding=extra, dilation=d
        )
        for length, k, s, p, extra, d in zip(
            spatial,
            kernel,
            layer.stride,
            layer.padding,
            layer.output_padding,
            layer.dilation,
            strict=True,
        )
    ]
    macs = formulas.transposed_convolution_macs(
        batch, spatial, kernel, layer.in_channels, layer.out_channels, layer.groups
    )
    # The same pairs with input and output swapped: input i and tap t fall on i·s - p + t·d.
    kept = prod(
        formulas.taps_on_input(out, length, kernel=k, stride=s, padding=p, dilation=d)
        for length, out, k, s, p, d in zip(
            spatial, outputs, kernel, layer.stride, layer.padding, layer.dilation, strict=True
        )
    )
    kept_macs = batch * kept * layer.in_channels * layer.out_channels // layer.groups
    return LayerFormula(
        text=_convolution_text(batch, spatial, kernel, layer),
        macs=macs,
        elements=0 if layer.bias is None else batch * prod(outputs) * layer.out_channels,
        padding_macs=macs - kept_macs,
    )


def _convolution_text(batch: int, spatial: Sequence[int], kernel: Sequence[int], layer: Any) -> str:
    channels = f"{layer.in_channels}·{layer.out_channels}"
    if layer.groups == layer.in_channels == layer.out_channels > 1:
        channels = f"{layer.in_channels}"
    elif layer.groups > 1:
        channels += f"/{layer.groups}"
    factors = [_times(spatial), channels]
    if prod(kernel) > 1:
        factors.insert(1, _times(kernel))
    return _with_batch(batch, " · ".join(factors))


def _linear(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    *positions, _ = shapes[0]
    macs = formulas.linear_macs(prod(positions), layer.in_features, layer.out_features)
    text = f"{layer.in_features} · {layer.out_features}"
    return LayerFormula(
        text=_with_batch(prod(positions), text),
        macs=macs,
        elements=0 if layer.bias is None else prod(positions) * layer.out_features,
    )


def _attention(layer: Any, shapes: Sequence[Shape]) -> LayerFormula | None:
    if len(shapes) < 3 or len(shapes[0]) < 2:
        return None
    query, key = shapes[0], shapes[1]
    batched = len(query) == 3
    first, second = (1, 0) if batched and layer.batch_first else (0, 1)
    batch = query[second] if batched else 1
    queries, keys = query[first], key[first]
    extra = int(layer.bias_k is not None) + int(layer.add_zero_attn)
    embedding = layer.embed_dim
    macs = formulas.attention_macs(
        batch,
        queries,
        keys,
        embedding=embedding,
        key_features=layer.kdim,
        value_features=layer.vdim,
        extra_keys=extra,
    )
    text = (
        f"{embedding} · ({queries}·{embedding} + {keys}·{layer.kdim} + {keys}·{layer.vdim} "
        f"+ {queries}·{embedding} + 2·{queries}·{keys + extra})"
    )
    # Softmax, scaling, biases and masks are left to the count.
    return LayerFormula(text=_with_batch(batch, text), macs=macs, elements=None)


def _recurrent(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    steps = prod(shapes[0][:-1])
    gates = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    directions = 2 if layer.bidirectional else 1
    output = layer.proj_size or layer.hidden_size
    macs = 0
    terms = []
    for index in range(layer.num_layers):
        inputs = layer.input_size if index == 0 else output * directions
        macs += directions * formulas.recurrent_macs(
            steps, inputs, layer.hidden_size, gates=gates, output=layer.proj_size or None
        )
        terms.append(f"{gates}·{layer.hidden_size}·({inputs} + {output})")
    if layer.proj_size:
        terms.append(f"{layer.num_layers}·{layer.hidden_size}·{output}")
    text = f"{directions * steps} · ({' + '.join(terms)})"
    return LayerFormula(text=text, macs=macs, elements=None)


def _pooling(layer: Any, shapes: Sequence[Shape]) -> LayerFormula | None:
    axes = _pooled_axes(layer)
    if getattr(layer, "ceil_mode", False) or len(shapes[0]) != axes + 2:
        return None
    batch, channels, *spatial = shapes[0]
    kernel, stride = (_each(layer.kernel_size, axes), _each(layer.stride, axes))
    padding, dilation = _each(layer.padding, axes), _each(getattr(layer, "dilation", 1), axes)
    outputs = [
        formulas.output_length(length, kernel=k, stride=s, padding=2 * p, dilation=d)
        for length, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    ]
    elements = formulas.pooling_elements(batch, channels, outputs, kernel)
    text = _with_batch(batch, f"0 (visits {_times(outputs)} · {_times(kernel)} · {channels})")
    return LayerFormula(text=text, macs=0, elements=elements)


def _adaptive_pooling(layer: Any, shapes: Sequence[Shape]) -> LayerFormula | None:
    axes = _pooled_axes(layer)
    if len(shapes[0]) != axes + 2:
        return None
    sizes = layer.output_size
    sizes = [sizes] * axes if sizes is None or isinstance(sizes, int) else sizes
    spatial = shapes[0][2:]
    outputs = [given if size is None else size for size, given in zip(sizes, spatial, strict=True)]
    # The windows cover the input once, or share inputs if there are more outputs.
    elements = prod(shapes[0][:2]) * max(prod(spatial), prod(outputs))
    return LayerFormula(text="0 (visits each element once)", macs=0, elements=elements)


def _normalization(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    return _formula_of_normalization(shapes[0])


@lru_cache(maxsize=256)
def _formula_of_normalization(shape: Shape) -> LayerFormula:
    # The input is (N, C, *spatial); a layer norm's may be (N, L, C), with the same product.
    batch, *rest = shape
    channels, *spatial = rest or [1]
    elements = formulas.normalization_elements(batch, channels, spatial)
    return LayerFormula(text=f"0 (visits {_times(shape)})", macs=0, elements=elements)


def _once(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    return LayerFormula(text="0 (visits each element once)", macs=0, elements=prod(shapes[0]))


def _nothing(layer: Any, shapes: Sequence[Shape]) -> LayerFormula:
    return LayerFormula(text="0", macs=0, elements=0)


def _pooled_axes(layer: nn.Module) -> int:
    # PyTorch keeps the number only in the class's name: MaxPool2d.
    known = formula_class(type(layer))
    return int(known.__name__[-2]) if known is not None else 0


def _each(value: Any, axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


def _times(sizes: Sequence[int]) -> str:
    return "·".join(map(str, sizes))


def _with_batch(batch: int, text: str) -> str:
    return text if batch == 1 else f"{batch} · {text}"


_ELEMENT_WISE_ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LeakyReLU, nn.ELU, nn.SELU),
    *(nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.PReLU),
    *(activation.Softmax, activation.LogSoftmax),
)
NORMALIZATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_Formula = Callable[[Any, Sequence[Shape]], LayerFormula | None]
_FORMULAS: tuple[tuple[type | tuple[type, ...], _Formula], ...] = (
    (_ConvTransposeNd, _transposed_convolution),
    (_ConvNd, _convolution),
    (nn.Linear, _linear),
    (nn.MultiheadAttention, _attention),
    (nn.RNNBase, _recurrent),
    ((_MaxPoolNd, _AvgPoolNd), _pooling),
    ((_AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd), _adaptive_pooling),
    (NORMALIZATIONS, _normalization),
    (_ELEMENT_WISE_ACTIVATIONS, _once),
    ((nn.Identity, nn.Flatten, nn.Unflatten, dropout._DropoutNd, nn.Embedding), _nothing),
)
