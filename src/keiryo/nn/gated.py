"""WaveNet's layer: a gated unit between a residual path and a skip path."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.nn.causal import CausalConvolution


class GatedResidualUnit(nn.Module):
    """The gated unit with its residual and skip paths.

    van den Oord et al. 2016, "WaveNet", figure 4 (the dashed box) and equation 2:

        z = tanh(W_f * x + V_f h) ⊙ σ(W_g * x + V_g h)
        residual = x + W_r z,  skip = W_s z

    W_f and W_g are one dilated causal convolution with twice the channels, tanh's first. The
    h that is the same at all times (global conditioning, section 2.5) and the h that changes
    with time (local conditioning) have a V each.

    The last layer of a network has no residual path (`has_residual`), since nothing reads it.

    x (N, residual, T), and h (N, global channels) and (N, local channels, T) if there are such
    channels, to residual (N, residual, T) and skip (N, skip, T).
    """

    def __init__(
        self,
        residual_channels: int,
        gate_channels: int,
        skip_channels: int,
        *,
        kernel_size: int,
        dilation: int,
        global_channels: int = 0,
        local_channels: int = 0,
        bias: bool = True,
        has_residual: bool = True,
        normalize: Callable[[Any], Any] = lambda layer: layer,
    ) -> None:
        super().__init__()
        both = 2 * gate_channels
        self.filter_gate: CausalConvolution = normalize(
            CausalConvolution(residual_channels, both, kernel_size, dilation=dilation, bias=bias)
        )
        if global_channels:
            self.of_global: nn.Linear = normalize(nn.Linear(global_channels, both, bias=False))
        if local_channels:
            self.of_local: nn.Conv1d = normalize(nn.Conv1d(local_channels, both, 1, bias=False))
        self.residual: nn.Conv1d | None = None
        if has_residual:
            self.residual = normalize(nn.Conv1d(gate_channels, residual_channels, 1, bias=bias))
        self.skip: nn.Conv1d = normalize(nn.Conv1d(gate_channels, skip_channels, 1, bias=bias))

    def forward(
        self, x: Tensor, global_condition: Tensor | None = None, local: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        pair = self.filter_gate(x)
        if global_condition is not None:
            pair = pair + self.of_global(global_condition)[..., None]
        if local is not None:
            pair = pair + self.of_local(local)
        filtered, gate = pair.chunk(2, dim=1)
        z = torch.tanh(filtered) * torch.sigmoid(gate)
        residual = x if self.residual is None else x + self.residual(z)
        return residual, self.skip(z)
