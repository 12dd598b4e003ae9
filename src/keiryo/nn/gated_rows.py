"""WaveNet's layer over rows of channels, forward and backward in products of plain matrices.

What `keiryo.nn.gated.GatedResidualUnit` computes, for training on a processor: with a row of
channels for each time and recording, time first, what a tap of a dilated convolution sees is one
block of rows, so that the convolution is a product for each tap, without copies.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from keiryo.nn.gated import GatedResidualUnit


def gated_rows(
    layer: GatedResidualUnit, x: Tensor, skips: Tensor, condition: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what `layer` makes of x (L, N, residual), and `skips` (T, N, skip) with its own added.

    Outputs (L - (K - 1) · dilation, N, residual) are those that see no padding; skips are of the
    last T of them alone. `skips` is changed in place. condition (N, global channels).
    """
    conv = layer.filter_gate
    both = conv.out_channels
    # tanh(x) = 2 σ(2x) - 1, so that one pass of σ does for both; it is faster than tanh, too.
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
    """weight (2 · gate, residual, K) and added (N, 2 · gate), those of tanh doubled."""

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
            rows.addmm_(_seen(x, tap * dilation, length), weight[..., tap].t())
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
        ctx: Any, of_outputs: Tensor, of_skips: Tensor
    ) -> tuple[Tensor | None, ...]:
        of_outputs, of_skips = of_outputs.contiguous(), of_skips.contiguous()
        x, rows, z, weight, residual, skip = ctx.saved_tensors
        taps, dilation = weight.shape[2], ctx.dilation
        length, streams = of_outputs.shape[:2]
        output_rows, skip_rows = of_outputs.flatten(0, 1), of_skips.flatten(0, 1)
        heard = slice(len(z) - len(skip_rows), None)
        of_z = torch.zeros_like(z) if residual is None else output_rows @ residual
        of_z[heard].addmm_(skip_rows, skip)
        filtered, gate = rows.chunk(2, dim=1)
        of_both = torch.empty_like(rows)
        of_filtered, of_gate = of_both.chunk(2, dim=1)
        torch.mul(of_z, gate, out=of_filtered).mul_(2)
        torch.mul(filtered, 2, out=of_gate).sub_(1).mul_(of_z)
        of_both = torch.ops.aten.sigmoid_backward(of_both, rows)
        of_weight = torch.empty_like(weight)
        of_x = torch.zeros_like(x)
        of_x[len(x) - length :] = of_outputs
        for tap in range(taps):
            seen = _seen(x, tap * dilation, length)
            of_weight[..., tap] = of_both.t() @ seen
            _seen(of_x, tap * dilation, length).addmm_(of_both, weight[..., tap])
        has_residual_bias, has_skip_bias = ctx.has_biases
        return (
            of_x,
            of_skips,
            of_weight,
            of_both.view(length, streams, -1).sum(0),
            None if residual is None else output_rows.t() @ z,
            output_rows.sum(0) if has_residual_bias else None,
            skip_rows.t() @ z[heard],
            skip_rows.sum(0) if has_skip_bias else None,
            None,
        )


def _seen(x: Tensor, start: int, length: int) -> Tensor:
    """Return the rows (length · N, C), a view, of x (L, N, C) from `start` on."""
    return x[start : start + length].flatten(0, 1)
