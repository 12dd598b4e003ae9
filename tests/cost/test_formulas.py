"""Closed formula, count of what ran, and a loop over every place: three ways to one figure."""

import itertools
from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from keiryo.cost import weigh
from keiryo.cost.formula.formulas import depthwise_separable_ratio, output_length
from keiryo.records.costs import LayerCost

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def only_layer(module: nn.Module, *shape: int) -> LayerCost:
    (layer,) = weigh(module, shape).layers
    return layer


@st.composite
def convolutions(draw: st.DrawFn, *, transposed: bool = False) -> tuple[nn.Module, list[int]]:
    """Draw a small convolution of one to three axes, and an input that it takes."""
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    groups = draw(st.integers(1, 3))
    kernel, stride, dilation = each(1, 4), each(1, 3), each(1, 3)
    options = {
        "stride": stride,
        "dilation": dilation,
        "padding": each(0, 3),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    if transposed:
        options["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
    channels = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kind = (TRANSPOSED if transposed else CONVOLUTIONS)[axes]
    return kind(*channels, kernel, **options), [channels[0], *each(1, 7)]


def outputs_of(layer: nn.Module, shape: list[int]) -> tuple[int, ...]:
    try:
        with torch.no_grad():
            output = tuple(layer(torch.zeros(1, *shape)).shape)
    except RuntimeError:
        output = (0,)
    assume(prod(output) > 0)
    return output


@settings(max_examples=60)
@given(convolutions())
def test_convolution(drawn: tuple[nn.Conv2d, list[int]]) -> None:
    layer, (_, *spatial) = drawn
    output = outputs_of(layer, [layer.in_channels, *spatial])
    on_input = on_padding = 0
    places = itertools.product(*map(range, output[2:]))
    taps = list(itertools.product(*map(range, layer.kernel_size)))
    per_tap = layer.out_channels * layer.in_channels // layer.groups
    for place in places:
        for tap in taps:
            inside = all(
                0 <= p * s - pad + t * d < length
                for p, t, s, pad, d, length in zip(
                    place, tap, layer.stride, layer.padding, layer.dilation, spatial, strict=True
                )
            )
            on_input += per_tap * inside
            on_padding += per_tap * (not inside)
    cost = only_layer(layer, layer.in_channels, *spatial)
    assert cost.macs == cost.formula_macs == on_input + on_padding
    assert cost.padding_macs == on_padding
    assert cost.output_shape == list(output)
    assert cost.elements == (0 if layer.bias is None else prod(output))
    assert cost.difference is None


@settings(max_examples=40)
@given(convolutions(transposed=True))
def test_transposed_convolution(drawn: tuple[nn.ConvTranspose2d, list[int]]) -> None:
    layer, (_, *spatial) = drawn
    output = outputs_of(layer, [layer.in_channels, *spatial])
    kept = cut = 0
    per_tap = layer.out_channels * layer.in_channels // layer.groups
    for place in itertools.product(*map(range, spatial)):
        for tap in itertools.product(*map(range, layer.kernel_size)):
            inside = all(
                0 <= p * s - pad + t * d < length
                for p, t, s, pad, d, length in zip(
                    place,
                    tap,
                    layer.stride,
                    layer.padding,
                    layer.dilation,
                    output[2:],
                    strict=True,
                )
            )
            kept += per_tap * inside
            cut += per_tap * (not inside)
    cost = only_layer(layer, layer.in_channels, *spatial)
    assert cost.macs == cost.formula_macs == kept + cut
    assert cost.padding_macs == cut
    assert cost.difference is None


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name(padding: str) -> None:
    cost = only_layer(nn.Conv2d(2, 3, (3, 5), padding=padding, dilation=2), 2, 11, 13)
    assert cost.macs == cost.formula_macs == prod(cost.output_shape) * 2 * 15
    assert (cost.padding_macs > 0) == (padding == "same")


def test_reflected_positions_are_no_padding() -> None:
    cost = only_layer(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), 1, 4, 4)
    assert (cost.macs, cost.padding_macs) == (16 * 9, 0)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5), max_size=3), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_linear_over_any_dimensions(
    positions: list[int], inputs: int, outputs: int, bias: bool
) -> None:
    cost = only_layer(nn.Linear(inputs, outputs, bias=bias), *positions, inputs)
    assert cost.macs == cost.formula_macs == prod(positions) * inputs * outputs
    assert cost.elements == (prod(positions) * outputs if bias else 0)


@settings(max_examples=25)
@given(
    st.sampled_from(["max", "average"]),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(4, 9),
)
def test_pooling_visits_every_place_of_its_windows(
    kind: str, axes: int, kernel: int, stride: int, length: int
) -> None:
    layers = {
        "max": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
        "average": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    }
    layer = layers[kind][axes - 1](kernel, stride, kernel // 2)
    cost = only_layer(layer, 2, *[length] * axes)
    assert (cost.macs, cost.formula_macs) == (0, 0)
    assert cost.elements == prod(cost.output_shape) * kernel**axes
    assert cost.difference is None


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(6),
        nn.GroupNorm(3, 6),
        nn.InstanceNorm2d(6, affine=True),
        nn.LayerNorm([6, 5, 4]),
        nn.RMSNorm([5, 4]),
        nn.ReLU(),
        nn.ReLU6(inplace=True),
        nn.Hardswish(inplace=True),
        nn.GELU(),
        nn.SiLU(),
        nn.PReLU(6),
        nn.Mish(),
        nn.Softplus(),
        nn.Softmax(dim=1),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d(2),
        nn.AdaptiveMaxPool2d(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_elements_that_are_visited_once(layer: nn.Module) -> None:
    cost = only_layer(layer, 6, 5, 4)
    assert (cost.macs, cost.formula_macs, cost.difference) == (0, 0, None)
    assert cost.elements == 6 * 5 * 4


@settings(max_examples=20)
@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.booleans(),
)
def test_attention(
    queries: int, keys: int, heads: int, batch: int, extra_zero: bool, extra_bias: bool
) -> None:
    embedding, key_features, value_features = 4 * heads, 3, 5
    layer = nn.MultiheadAttention(
        embedding,
        heads,
        kdim=key_features,
        vdim=value_features,
        batch_first=True,
        add_zero_attn=extra_zero,
        add_bias_kv=extra_bias,
    )
    weighing = weigh(
        layer,
        [
            torch.zeros(batch, queries, embedding),
            torch.zeros(batch, keys, key_features),
            torch.zeros(batch, keys, value_features),
        ],
    )
    attended = keys + extra_zero + extra_bias
    by_hand = batch * sum(
        (
            queries * embedding * embedding,
            keys * key_features * embedding,
            keys * value_features * embedding,
            2 * heads * queries * attended * (embedding // heads),
            queries * embedding * embedding,
        )
    )
    (layer_cost,) = weighing.layers
    assert weighing.macs == layer_cost.formula_macs == by_hand
    assert layer_cost.difference is None


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent(kind: type[nn.RNNBase], gates: int, bidirectional: bool) -> None:
    layer = kind(5, 6, num_layers=2, bidirectional=bidirectional, batch_first=True)
    cost = only_layer(layer, 7, 5)
    directions = 1 + bidirectional
    first, second = 6 * (5 + 6), 6 * (6 * directions + 6)
    assert cost.macs == cost.formula_macs == 7 * gates * directions * (first + second)


def test_projected_lstm() -> None:
    cost = only_layer(nn.LSTM(5, 6, proj_size=2), 7, 5)
    assert cost.macs == cost.formula_macs == 7 * (4 * 6 * (5 + 2) + 6 * 2)


def test_separable_ratio_is_the_papers() -> None:
    # Howard et al. 2017, section 3.1: 3 x 3 saves between 8 and 9 times.
    assert 1 / 9 < float(depthwise_separable_ratio(512, (3, 3))) < 1 / 8


def test_output_length_by_hand() -> None:
    assert output_length(224, kernel=7, stride=2, padding=6) == 112
