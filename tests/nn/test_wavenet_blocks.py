import math

import pytest
import torch

from keiryo.nn.causal import CausalConvolution, PastConvolution
from keiryo.nn.gated import GatedResidualUnit
from keiryo.nn.logistics import least_log_scale, mixture_log_likelihood
from wavenets import one_hot


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("dilation", [1, 4])
def test_causal_convolution_is_the_sum_over_its_taps(kernel_size: int, dilation: int) -> None:
    layer = CausalConvolution(3, 5, kernel_size, dilation=dilation)
    x = torch.randn(2, 3, 20)
    expected = layer.bias[:, None].expand(2, 5, 20).clone()
    for time in range(20):
        for tap in range(kernel_size):
            ago = (kernel_size - 1 - tap) * dilation
            if time >= ago:
                expected[..., time] += x[..., time - ago] @ layer.weight[..., tap].T
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("bias", [True, False])
def test_codes_are_their_one_hot_form(length: int, bias: bool) -> None:
    layer = PastConvolution(6, 4, 3, bias=bias)
    codes = torch.randint(0, 6, (2, length))
    torch.testing.assert_close(layer(codes), layer(one_hot(codes, 6)))


def test_gated_unit_is_equation_2() -> None:
    unit = GatedResidualUnit(
        4, 3, 5, kernel_size=2, dilation=2, global_channels=2, local_channels=6
    )
    x, h, y = torch.randn(2, 4, 9), torch.randn(2, 2), torch.randn(2, 6, 9)
    before = unit.filter_gate(x) + unit.of_global(h)[..., None] + unit.of_local(y)
    z = torch.tanh(before[:, :3]) * torch.sigmoid(before[:, 3:])
    residual, skip = unit(x, h, y)
    assert unit.residual is not None
    torch.testing.assert_close(residual, x + unit.residual(z))
    torch.testing.assert_close(skip, unit.skip(z))


@pytest.mark.parametrize("levels", [16, 256])
def test_probabilities_of_all_levels_add_up_to_one(levels: int) -> None:
    torch.manual_seed(0)
    outputs = torch.randn(1, 9, 5, dtype=torch.float64)
    outputs[:, 6:] -= 3
    each = torch.linspace(-1, 1, levels, dtype=torch.float64)
    samples = each[:, None].expand(levels, 5)
    likelihood = mixture_log_likelihood(outputs.expand(levels, 9, 5), samples, levels=levels)
    total = likelihood.exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_likelihood_is_equation_2() -> None:
    shares, means, scales = [0.3, 0.7], [-0.2, 0.5], [0.1, 0.02]
    outputs = torch.tensor([*map(math.log, shares), *means, *map(math.log, scales)])
    sample, half = 101 / 255 * 2 - 1, 1 / 255

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    expected = sum(
        share * (sigmoid((sample + half - mean) / scale) - sigmoid((sample - half - mean) / scale))
        for share, mean, scale in zip(shares, means, scales, strict=True)
    )
    got = mixture_log_likelihood(
        outputs.double()[None, :, None], torch.tensor([[sample]]).double(), levels=256
    )
    assert float(got.exp()) == pytest.approx(expected, rel=1e-6)


def test_far_off_and_narrow_components_keep_their_gradient() -> None:
    outputs = torch.tensor([0.0, 0.9, -50.0])[None, :, None].requires_grad_()
    likelihood = mixture_log_likelihood(outputs, torch.tensor([[-0.9]]), levels=65536)
    likelihood.sum().backward()
    assert outputs.grad is not None
    assert torch.isfinite(likelihood).all()
    assert torch.isfinite(outputs.grad).all()
    assert outputs.grad[0, 1, 0] < 0
    assert least_log_scale(256) == -7
