"""WaveNet's layer as products of matrices is the layer."""

import pytest
import torch

from keiryo.nn.gated import GatedResidualUnit
from keiryo.nn.gated_rows import gated_rows


@pytest.mark.parametrize("kernel_size", [2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("has_residual", [True, False])
def test_it_is_the_layer_and_its_gradients_are_right(
    kernel_size: int, bias: bool, has_residual: bool
) -> None:
    torch.manual_seed(0)
    layer = GatedResidualUnit(
        3, 2, 4, kernel_size=kernel_size, dilation=2, global_channels=2, bias=bias,
        has_residual=has_residual,
    ).double()  # fmt: skip
    x, condition = torch.randn(9, 2, 3).double(), torch.randn(2, 2).double()
    before = torch.randn(4, 2, 4).double()
    outputs, skips = gated_rows(layer, x, before.clone(), condition)
    residual, skip = layer(x.permute(1, 2, 0), condition)
    reach = (kernel_size - 1) * 2
    torch.testing.assert_close(outputs, residual.permute(2, 0, 1)[reach:])
    torch.testing.assert_close(skips, before + skip.permute(2, 0, 1)[-4:])

    names, parameters = zip(*layer.named_parameters(), strict=True)

    def of(x: torch.Tensor, condition: torch.Tensor, *values: torch.Tensor) -> tuple:
        return torch.func.functional_call(
            _Rows(layer), {f"layer.{n}": v for n, v in zip(names, values, strict=True)},
            (x, before.clone(), condition),
        )  # fmt: skip

    inputs = [tensor.detach().requires_grad_() for tensor in (x, condition, *parameters)]
    assert torch.autograd.gradcheck(of, inputs)


class _Rows(torch.nn.Module):
    def __init__(self, layer: GatedResidualUnit) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, x: torch.Tensor, skips: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return gated_rows(self.layer, x, skips, condition)
