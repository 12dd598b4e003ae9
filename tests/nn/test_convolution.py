import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from keiryo.cost import weigh
from keiryo.nn.blocks.dense import DenseBlock, Transition
from keiryo.nn.blocks.inverted_residual import InvertedResidual
from keiryo.nn.convolution import ConvNormActivation, DepthwiseSeparable


@settings(max_examples=25)
@given(
    size=st.integers(3, 12),
    kernel=st.sampled_from([1, 3, 5]),
    in_channels=st.integers(1, 12),
    out_channels=st.integers(1, 12),
)
def test_depthwise_separable_takes_the_ratio_of_the_course(
    size: int, kernel: int, in_channels: int, out_channels: int
) -> None:
    """1/C_out + 1/K² of the multiply-accumulates of the ordinary convolution."""
    with torch.device("meta"):
        ordinary = ConvNormActivation(
            in_channels, out_channels, kernel, norm="batch", activation="relu"
        )
        separable = DepthwiseSeparable(
            in_channels, out_channels, stride=1, norm="batch", kernel_size=kernel
        )
    shape = (in_channels, size, size)
    pixels = size * size
    ordinary_macs = pixels * kernel**2 * in_channels * out_channels
    separable_macs = pixels * kernel**2 * in_channels + pixels * in_channels * out_channels
    assert weigh(ordinary, shape).macs == ordinary_macs
    assert weigh(separable, shape).macs == separable_macs
    assert separable_macs * out_channels * kernel**2 == ordinary_macs * (kernel**2 + out_channels)


def test_dense_block_grows_by_the_growth_rate_and_keeps_its_input() -> None:
    block = DenseBlock(10, layers=3, growth=4, norm="batch").eval()
    x = torch.randn(2, 10, 6, 6)
    y = block(x)
    assert y.shape == (2, 10 + 3 * 4, 6, 6)
    torch.testing.assert_close(y[:, :10], x)


def test_transition_halves_the_image() -> None:
    assert Transition(12, 6, norm="batch")(torch.randn(2, 12, 8, 8)).shape == (2, 6, 4, 4)


def test_inverted_residual_adds_its_input_only_where_shapes_allow() -> None:
    x = torch.randn(2, 8, 6, 6)
    same = InvertedResidual(8, 8, stride=1, hidden=48, norm="none").eval()
    torch.testing.assert_close(same(x), x + same.branch(x))
    smaller = InvertedResidual(8, 8, stride=2, hidden=48, norm="none").eval()
    torch.testing.assert_close(smaller(x), smaller.branch(x))
