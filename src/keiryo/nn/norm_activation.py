"""Batch norm and the activation after it as one step, if that is faster.

They remain two modules, with their own names and state; only the way they run differs.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from keiryo.nn.recomputation import register_recomputation

# The bounds that each activation clamps to.
BOUNDS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Identity: (-math.inf, math.inf),
    nn.ReLU: (0.0, math.inf),
    nn.ReLU6: (0.0, 6.0),
}
# Types of feature maps that there are kernels for, each with the type of the norm's parameters.
PARAMETERS = {
    torch.float32: torch.float32,
    torch.float64: torch.float64,
    torch.bfloat16: torch.float32,
}
# Several rows of narrow feature maps are processed at a time, to fill the vector units.
ENOUGH_COLUMNS = 64
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class FusedSequential(nn.Sequential):
    """A `torch.nn.Sequential` that runs a batch norm and the activation after it as one step.

    Its layers and its output are the same.
    """

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            if isinstance(layer, nn.BatchNorm2d):
                activation = layers.pop(0) if layers and type(layers[0]) in BOUNDS else None
                x = norm_activation(layer, activation, x)
            else:
                x = layer(x)
        return x


def norm_activation(norm: nn.BatchNorm2d, activation: nn.Module | None, x: Tensor) -> Tensor:
    """Return `activation(norm(x))`, (N, C, H, W); None: no activation.

    In a training step on the processor, in channels_last, this is one kernel forward and
    one backward (`keiryo.kernels.norm_activation`). In all other cases the modules are called
    as they are.
    """
    if not torch.compiler.is_compiling():
        # Under a `TorchFunctionMode` each attribute of a tensor would cost a Python call.
        with torch._C.DisableTorchFunction():
            if runs_as_one_step(norm, activation, x):
                return _run_as_one_step(norm, activation, x)
    x = norm(x)
    return x if activation is None else activation(x)


def _run_as_one_step(norm: nn.BatchNorm2d, activation: nn.Module | None, x: Tensor) -> Tensor:
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked.add_(1)
    bounds = BOUNDS[nn.Identity if activation is None else type(activation)]
    y, statistics = _NormActivation.apply(
        x,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        norm.momentum,
        norm.eps,
        bounds,
    )
    if activation is not None and _has_hooks(activation):
        # Hooks expect a call of the activation; clamping again changes nothing.
        with torch.no_grad():
            activation(y)
    normalized = _NormalizedOutput(
        x.detach(), norm.weight.detach(), norm.bias.detach(), statistics, bounds
    )
    register_recomputation(y, normalized.compute)
    return y


def runs_as_one_step(norm: nn.BatchNorm2d, activation: nn.Module | None, x: Tensor) -> bool:
    """Return True if `norm_activation` runs its own kernels on `x`."""
    return (
        norm.training
        and torch.is_grad_enabled()
        and x.is_cpu
        and type(x) is Tensor
        and x.dtype in PARAMETERS
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.numel() > x.shape[1]  # one value a channel has no variance: the norm raises that
        and type(norm) is nn.BatchNorm2d
        and (activation is None or type(activation) in BOUNDS)
        and norm.momentum is not None
        and norm.running_mean is not None
        and norm.weight is not None
        and norm.weight.dtype == norm.running_mean.dtype == PARAMETERS[x.dtype]
        and not _has_hooks(norm)
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        and has_kernels()
    )


def _has_hooks(module: nn.Module) -> bool:
    return any(getattr(module, hooks) for hooks in HOOKS)


def has_kernels() -> bool:
    """Return True if this machine's PyTorch can run the kernels."""
    from keiryo.kernels.openmp import can_run_kernels

    return can_run_kernels()


class _NormalizedOutput(NamedTuple):
    """The inputs from which the output of a norm and its activation can be recomputed."""

    x: Tensor
    scale: Tensor
    shift: Tensor
    statistics: Tensor
    bounds: tuple[float, float]

    def compute(self) -> Tensor:
        """Return the output, the same bits each time."""
        from keiryo.kernels import norm_activation as kernels
        from keiryo.kernels.openmp import run

        x = self.x
        y = torch.empty_like(x)
        limits = torch.tensor(self.bounds, dtype=torch.float64)
        given = (x, self.scale, self.shift, self.statistics, limits)
        run(kernels.normalize(_kind(x)), torch.get_num_threads(), *_as_rows(x), *given, y)
        return y


class _NormActivation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        running_mean: Tensor,
        running_variance: Tensor,
        momentum: float,
        epsilon: float,
        bounds: tuple[float, float],
    ) -> tuple[Tensor, Tensor]:
        from keiryo.kernels import norm_activation as kernels
        from keiryo.kernels.openmp import run

        threads = torch.get_num_threads()
        rows, columns, channels = _as_rows(x)
        partial_sums = torch.zeros(threads, 2, columns, dtype=torch.float64)
        figures = torch.tensor((momentum, epsilon), dtype=torch.float64)
        statistics = scale.new_empty(2, channels)
        kind = _kind(x)
        summed = (threads, rows, columns, channels, x, partial_sums)
        run(kernels.sums(kind), threads, *summed)
        written = (running_mean, running_variance, statistics)
        run(kernels.statistics(kind), 1, *summed, figures, *written)
        ctx.save_for_backward(x, scale, shift, statistics)
        ctx.bounds = bounds
        ctx.mark_non_differentiable(statistics)
        return _NormalizedOutput(x, scale, shift, statistics, bounds).compute(), statistics

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, y_gradient: Tensor, _: None
    ) -> tuple[Tensor | None, ...]:
        from keiryo.kernels import norm_activation as kernels
        from keiryo.kernels.openmp import run

        x, scale, shift, statistics = ctx.saved_tensors
        threads = torch.get_num_threads()
        rows, columns, channels = _as_rows(x)
        y_gradient = y_gradient.contiguous(memory_format=torch.channels_last)
        partial_sums = torch.zeros(threads, 2, columns, dtype=torch.float64)
        bounds = torch.tensor(ctx.bounds, dtype=torch.float64)
        x_gradient = torch.empty_like(x)
        scale_gradient, shift_gradient = torch.empty_like(scale), torch.empty_like(shift)
        kind = _kind(x)
        arguments = (threads, rows, columns, channels, x, y_gradient, scale, shift)
        arguments = (*arguments, statistics, bounds, partial_sums)
        run(kernels.gradient_sums(kind), threads, *arguments)
        run(
            kernels.input_gradient(kind),
            threads,
            *(*arguments, x_gradient, scale_gradient, shift_gradient),
        )
        return x_gradient, scale_gradient, shift_gradient, None, None, None, None, None


def _as_rows(x: Tensor) -> tuple[int, int, int]:
    """Return the rows, columns and channels of x (N, C, H, W) as it lies in memory."""
    count, channels, height, width = x.shape
    rows, columns = count * height * width, channels
    while rows % 2 == 0 and columns < ENOUGH_COLUMNS:
        rows, columns = rows // 2, columns * 2
    return rows, columns, channels


def _kind(x: Tensor) -> Any:
    import numpy as np

    kinds = {torch.float32: np.float32, torch.float64: np.float64, torch.bfloat16: np.uint16}
    return kinds[x.dtype]
