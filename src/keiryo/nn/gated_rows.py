"""WaveNet's layer over rows of channels, forward and backward by plain matrix products.

It computes what `keiryo.nn.gated.GatedResidualUnit` does, for training on the processor. There is
a row of channels for each time and recording, time first. So each tap of a dilated convolution
sees one block of rows, and the convolution is one product for each tap, without copies.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from keiryo.nn.gated import GatedResidualUnit


def gated_rows(
    layer: GatedResidualUnit, x: Tensor, skips: Tensor, condition: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the output of `layer` for x (L, N, residual), and `skips` plus the layer's skips.

    Outputs (L - (K - 1) · dilation, N, residual) are those that see no padding. `skips` (T, N,
    skip) are of the last T outputs, and changed in place. condition (N, global channels).
    """
    conv = layer.filter_gate
    both = conv.out_channels
    # tanh(x) = 2 σ(2x) - 1: one pass of σ computes both, and is faster than tanh.
    doubled = torch.ones(both, dtype=x.dtype, device=x.device)
    doubled[: both // 2] = 2.0
    added = x.new_zeros(x.shape[1], both) if conv.bias is None else conv.bias.expand(x.shape[1], -1)
    if condition is not None:
        added = added + layer.of_global(condition)
    residual = layer.residual
    return _GatedRows.apply(
        x,
        skips,
        conv.weight * doubled[:, None, None],
        added * doubled,
        None if residual is None else residual.weight[..., 0],
        None if residual is None else residual.bias,
        layer.skip.weight[..., 0],
        layer.skip.bias,
        conv.dilation[0],
    )


class _GatedRows(torch.autograd.Function):
    """The layer; weight (2 · gate, residual, K), added (N, 2 · gate): tanh's half is doubled."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        skips: Tensor,
        weight: Tensor,
        added: Tensor,
        residual: Tensor | None,
        residual_bias: Tensor | None,
        skip: Tensor,
        skip_bias: Tensor | None,
        dilation: int,
    ) -> tuple[Tensor, Tensor]:
        taps = weight.shape[2]
        length = len(x) - (taps - 1) * dilation
        both = added.expand(length, *added.shape).clone()
        rows = both.flatten(0, 1)
        for tap in range(taps):
            rows.addmm_(_rows_from(x, tap * dilation, length), weight[..., tap].t())
        rows.sigmoid_()
        filtered, gate = rows.chunk(2, dim=1)
        z = (filtered * gate).mul_(2).sub_(gate)
        newest = x[len(x) - length :]
        if residual is None:
            outputs = newest.clone()
        else:
            outputs = torch.addmm(newest.flatten(0, 1), z, residual.t()).view(newest.shape)
            if residual_bias is not None:
                outputs += residual_bias
        heard = z[len(z) - skips.shape[0] * skips.shape[1] :]
        skips.flatten(0, 1).addmm_(heard, skip.t())
        if skip_bias is not None:
            skips += skip_bias
        ctx.mark_dirty(skips)
        ctx.dilation = dilation
        ctx.has_biases = residual_bias is not None, skip_bias is not None
        ctx.save_for_backward(x, rows, z, weight, residual, skip)
        return outputs, skips

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, outputs_gradient: Tensor, skips_gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        outputs_gradient, skips_gradient = (
            outputs_gradient.contiguous(),
            skips_gradient.contiguous(),
        )
        x, rows, z, weight, residual, skip = ctx.saved_tensors
        taps, dilation = weight.shape[2], ctx.dilation
        length, streams = outputs_gradient.shape[:2]
        output_rows, skip_rows = outputs_gradient.flatten(0, 1), skips_gradient.flatten(0, 1)
        heard = slice(len(z) - len(skip_rows), None)
        z_gradient = torch.zeros_like(z) if residual is None else output_rows @ residual
        z_gradient[heard].addmm_(skip_rows, skip)
        filtered, gate = rows.chunk(2, dim=1)
        both_gradient = torch.empty_like(rows)
        filtered_gradient, gate_gradient = both_gradient.chunk(2, dim=1)
        torch.mul(z_gradient, gate, out=filtered_gradient).mul_(2)
        torch.mul(filtered, 2, out=gate_gradient).sub_(1).mul_(z_gradient)
        both_gradient = torch.ops.aten.sigmoid_backward(both_gradient, rows)
        weight_gradient = torch.empty_like(weight)
        x_gradient = torch.zeros_like(x)
        x_gradient[len(x) - length :] = outputs_gradient
        for tap in range(taps):
            seen = _rows_from(x, tap * dilation, length)
            weight_gradient[..., tap] = both_gradient.t() @ seen
            _rows_from(x_gradient, tap * dilation, length).addmm_(both_gradient, weight[..., tap])
        has_residual_bias, has_skip_bias = ctx.has_biases
        return (
            x_gradient,
            skips_gradient,
            weight_gradient,
            both_gradient.view(length, streams, -1).sum(0),
            None if residual is None else output_rows.t() @ z,
            output_rows.sum(0) if has_residual_bias else None,
            skip_rows.t() @ z[heard],
            skip_rows.sum(0) if has_skip_bias else None,
            None,
        )


def _rows_from(x: Tensor, start: int, length: int) -> Tensor:
    """Return `length` times of x (L, N, C) from `start` on, as a view of rows (length · N, C)."""
    return x[start : start + length].flatten(0, 1)
