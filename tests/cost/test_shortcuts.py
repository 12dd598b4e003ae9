"""What is taken for plain to see is what PyTorch says."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.cost.running.shortcuts import SHORTCUTS
from keiryo.cost.running.simpler_forms import SIMPLER_FORMS

aten = torch.ops.aten


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def assert_same(operator: Any, *arguments: Any) -> None:
    """Hold the shortcut against PyTorch, where it does not decline."""
    result = SHORTCUTS[operator](arguments, {})
    if result is None:
        return
    expected = operator(*arguments)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert result.stride() == expected.stride()


UNARY = [op for op in SHORTCUTS if len(op._schema.arguments) == 1]


@pytest.mark.parametrize("operator", UNARY, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_element_wise(operator: Any, layout: torch.memory_format) -> None:
    assert_same(operator, empty(2, 3, 4, 5).to(memory_format=layout))


@settings(max_examples=60)
@given(
    st.sampled_from([aten.add.Tensor, aten.mul.Tensor, aten.sub.Tensor, aten.div.Tensor]),
    st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sampled_from([torch.float32, torch.float16, torch.int64]),
)
def test_broadcasting(
    operator: Any, sizes: list[tuple[int, bool, bool]], dropped: int, dtype: torch.dtype
) -> None:
    left = empty(*(1 if narrow else size for size, narrow, _ in sizes))
    right = empty(*(1 if narrow else size for size, _, narrow in sizes[dropped:]), dtype=dtype)
    assert_same(operator, left, right)
    assert_same(operator, right, left)
    assert_same(operator, left, 2.5)


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("dimensions", [[2, 3], [-1], [1], []])
def test_mean(dimensions: list[int], keep: bool) -> None:
    assert_same(aten.mean.dim, empty(2, 3, 4, 5), dimensions, keep)


@pytest.mark.parametrize("arguments", [(2, [1], True), (2, [-1, 0]), (1.0, [2, 3], False)])
def test_vector_norm(arguments: tuple[Any, ...]) -> None:
    assert_same(aten.linalg_vector_norm.default, empty(2, 3, 4, 5), *arguments)


def test_softmax_and_what_is_added_onto() -> None:
    assert_same(aten.softmax.int, empty(2, 3, 4), -1)
    assert_same(aten.addcmul.default, empty(2, 3), empty(1, 3), empty(2, 3))
    assert_same(aten.addcmul.default, empty(1, 3), empty(3), empty(2, 3))


def test_what_is_rolled() -> None:
    assert_same(aten.roll.default, empty(2, 3, 4), [1, -2], [0, -1])
    assert_same(aten.roll.default, empty(2, 3, 4).transpose(0, 1), [1], [0])
    assert SHORTCUTS[aten.roll.default]((empty(2, 3), [1], [2]), {}) is None
    assert SHORTCUTS[aten.roll.default]((empty(2, 3), [1, 2], [0]), {}) is None


def test_dropout_hands_on() -> None:
    x = empty(2, 3)
    assert SHORTCUTS[aten.dropout.default]((x, 0.5, False), {}) is x
    assert SHORTCUTS[aten.dropout.default]((x, 0.5, True), {}) is None


def test_matrix_products() -> None:
    assert_same(aten.mm.default, empty(2, 3), empty(3, 4))
    assert_same(aten.bmm.default, empty(5, 2, 3), empty(5, 3, 4))
    assert_same(aten.linear.default, empty(2, 7, 3), empty(4, 3), empty(4))
    assert_same(aten.linear.default, empty(3), empty(4, 3))
    heads = empty(2, 4, 5, 8)
    assert_same(aten.scaled_dot_product_attention.default, heads, heads, heads)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_norms(layout: torch.memory_format) -> None:
    x, channels = empty(2, 6, 4, 5).to(memory_format=layout), empty(6)
    statistics = (channels, channels, channels, channels)
    assert_same(aten.batch_norm.default, x, *statistics, False, 0.1, 1e-5, False)
    assert_same(aten.layer_norm.default, empty(2, 4, 6), [6], channels, channels)
    assert_same(aten.group_norm.default, x.contiguous(), 3, channels, channels)


@settings(max_examples=30)
@given(st.integers(-4, 3), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_concatenation(along: int, sizes: list[int]) -> None:
    shape = [2, 3, 4, 5]
    tensors = [empty(*shape[: along % 4], size, *shape[along % 4 + 1 :]) for size in sizes]
    assert_same(aten.cat.default, tensors, along)


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (aten.mm.default, (empty(2, 3), empty(4, 5))),
        (aten.linear.default, (empty(2, 3), empty(4, 5))),
        (aten.add.Tensor, (empty(2, 3), empty(4, 3))),
        (aten.cat.default, ([empty(2, 3), empty(2, 4)],)),
        (aten.layer_norm.default, (empty(2, 3), [4])),
        (aten.group_norm.default, (empty(2, 5, 3), 2)),
        (aten.batch_norm.default, (empty(2, 5), None, None, empty(4), empty(4), False)),
    ],
    ids=lambda value: str(value) if not isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_left_to_pytorch(operator: Any, arguments: tuple[Any, ...]) -> None:
    assert SHORTCUTS[operator](arguments, {}) is None


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (aten.rand.default, ([2, 3],)),
        (aten.randn.default, ([],)),
        (aten.randint.default, (3, [4])),
        (aten.randint.low, (1, 3, [4])),
        (aten.randn_like.default, (empty(2, 3),)),
    ],
    ids=str,
)
def test_random_numbers(operator: Any, arguments: tuple[Any, ...]) -> None:
    result, expected = SHORTCUTS[operator](arguments, {}), operator(*arguments)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert result.is_meta


few = st.integers(0, 3)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 7), few, few, few, few), min_size=1, max_size=3),
    st.tuples(few, few, few, few),
    st.booleans(),
)
def test_convolution(axes: list[tuple[int, ...]], sizes: tuple[int, ...], has_bias: bool) -> None:
    lengths, taps, strides, paddings, dilations = map(list, zip(*axes, strict=True))
    batch, groups, in_group, out_group = sizes
    operator, out_channels = aten.convolution.default, groups * out_group
    source, weight = empty(batch, groups * in_group, *lengths), empty(out_channels, in_group, *taps)
    bias = empty(out_channels) if has_bias else None
    options = (strides, paddings, dilations, False, [0] * len(axes), groups)
    # PyTorch refuses some of these, and those are never taken for plain.
    assert_same(operator, source, weight, bias, *options)
    too_long = empty(out_channels + 1)
    assert SHORTCUTS[operator]((source, weight, too_long, *options), {}) is None
    assert SHORTCUTS[operator]((source.int(), weight, bias, *options), {}) is None


@settings(max_examples=40)
@given(st.lists(few, max_size=4), st.integers(-5, 4), st.integers(-5, 4), st.booleans())
def test_forms_of_a_view(shape: list[int], first: int, last: int, is_transposed: bool) -> None:
    x = empty(*shape)
    x = x.transpose(0, -1) if is_transposed and shape else x
    calls = [(aten.flatten.using_ints, (x, first, last)), (aten.reshape.default, (x, [x.numel()]))]
    for operator, arguments in calls:
        simpler = SIMPLER_FORMS[operator](arguments, {})
        if simpler is not None:
            # Whatever PyTorch would refuse has no simpler form.
            result, expected = simpler[0](*simpler[1]), operator(*arguments)
            assert (result.shape, result.stride()) == (expected.shape, expected.stride())


def test_a_second_weighing_with_known_calls_is_the_same() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
            self.register_buffer("scale", torch.ones(4, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                # Alike but for the type of a number, an argument by keyword, the strides.
                x = layer(x) * 2 + layer(x).long() * 2 + layer(x).long() * 2.0
                parts = torch.topk(x.transpose(2, 3), 3, dim=1, largest=False)
                x = torch.cat([parts.values, x[:, :1]], dim=1).sort(dim=1, descending=True)[0]
                self.scale = self.scale + 1  # replaces the buffer
            return x * self.scale

    network = Mixed()
    first = weigh(network, (4, 8, 8)), weigh(network, (4, 9, 9)), weigh(network, (4, 8, 8), batch=2)
    again = weigh(network, (4, 8, 8)), weigh(network, (4, 9, 9)), weigh(network, (4, 8, 8), batch=2)
    for before, after in zip(first, again, strict=True):
        assert (before.layers, before.macs) == (after.layers, after.macs)
    plain = weigh(network, torch.zeros(1, 4, 8, 8), rules={"none::such": lambda *_: 0})
    assert plain.layers == first[0].layers
