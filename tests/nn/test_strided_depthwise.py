"""What `FastStridedDepthwise` computes is what PyTorch does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from keiryo.nn.strided_depthwise import FastStridedDepthwise, has_strided_depthwise


def gradients(layer: nn.Module, x: Tensor, *, fast: bool) -> tuple[Tensor, Tensor, Tensor]:
    layer.zero_grad()
    given_x = x.detach().clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        if fast:
            with FastStridedDepthwise():
                y = layer(given_x)
        else:
            y = layer(given_x)
    weights = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    (y.float() * weights).sum().backward()
    assert given_x.grad is not None
    weight = next(layer.parameters())
    assert weight.grad is not None
    return y.detach(), given_x.grad, weight.grad.clone()


@given(
    channels=st.integers(2, 12),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([(2, 2), (3, 3), (1, 2), (2, 1)]),
    padding=st.integers(0, 2),
    bias=st.booleans(),
    height=st.integers(5, 12),
    width=st.integers(5, 12),
)
@settings(max_examples=40)
def test_gradients_are_pytorchs(
    channels: int,
    kernel: int,
    stride: tuple[int, int],
    padding: int,
    bias: bool,
    height: int,
    width: int,
) -> None:
    torch.manual_seed(channels)
    layer = nn.Conv2d(
        channels,
        channels,
        kernel,
        stride,
        padding=min(padding, kernel - 1),
        groups=channels,
        bias=bias,
    )
    x = torch.randn(2, channels, height, width).bfloat16()
    x = x.contiguous(memory_format=torch.channels_last)
    ours, theirs = gradients(layer, x, fast=True), gradients(layer, x, fast=False)
    for one, other in zip(ours, theirs, strict=True):
        # Sums of at most 25 products in another order, rounded to 8 bits.
        torch.testing.assert_close(one.float(), other.float(), rtol=2**-7, atol=2**-6)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 6, 3, 2, padding=3, groups=6, bias=False),  # further than the kernel
        nn.Conv2d(6, 12, 3, 2, padding=1, groups=6, bias=False),
        nn.Conv2d(6, 6, 3, 2, padding=2, dilation=2, groups=6, bias=False),
        nn.Conv2d(6, 6, 3, 2, padding=1, groups=2, bias=False),
        nn.Conv2d(6, 6, 3, padding="same", groups=6, bias=False),
        nn.Conv2d(6, 4, 3, 2, padding=1),
    ],
)
def test_other_convolutions_are_left_to_pytorch(layer: nn.Module) -> None:
    x = torch.randn(2, 6, 9, 8).bfloat16()
    for one, other in zip(
        gradients(layer, x, fast=True), gradients(layer, x, fast=False), strict=True
    ):
        assert torch.equal(one, other)


def test_networks_that_have_such_layers_are_told_from_others() -> None:
    depthwise = nn.Conv2d(6, 6, 3, 2, padding=1, groups=6)
    assert has_strided_depthwise(nn.Sequential(nn.Sequential(depthwise)))
    assert not has_strided_depthwise(nn.Conv2d(6, 6, 3, padding=1, groups=6))
    assert not has_strided_depthwise(nn.Conv2d(6, 6, 3, 2, padding=1))
