"""Batch norm and the activation after it as one step, if that is faster.

They remain two modules, with their own names and state; only the way they run differs.
"""

import math
from types import ModuleType
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
# Types of feature maps that a device has kernels for, each with the type of the norm's parameters.
PARAMETERS = {
    "cpu": {
        torch.float32: torch.float32,
        torch.float64: torch.float64,
        torch.bfloat16: torch.float32,
    },
    "cuda": {torch.float32: torch.float32, torch.bfloat16: torch.float32},
}
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

    In a training step in channels_last, these are keiryo's own kernels
    (`keiryo.kernels.norm_activation`, and `norm_activation_gpu` on a CUDA device). In all other
    cases the modules are called as they are.
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
        and type(x) is Tensor
        and x.dtype in PARAMETERS.get(x.device.type, ())
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.numel() > x.shape[1]  # one value a channel has no variance: the norm raises that
        and type(norm) is nn.BatchNorm2d
        and (activation is None or type(activation) in BOUNDS)
        and norm.momentum is not None
        and norm.running_mean is not None
        and norm.weight is not None
        and norm.weight.dtype == norm.running_mean.dtype == PARAMETERS[x.device.type][x.dtype]
        and not _has_hooks(norm)
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        and has_kernels(x.device.type)
    )


def _has_hooks(module: nn.Module) -> bool:
    return any(getattr(module, hooks) for hooks in HOOKS)


def has_kernels(device: str = "cpu") -> bool:
    """Return True if this machine's PyTorch can run the kernels for `device` (cpu, cuda)."""
    if device == "cuda":
        from keiryo.kernels.gpu import can_run_gpu_kernels

        return can_run_gpu_kernels()
    from keiryo.kernels.openmp import can_run_kernels

    return can_run_kernels()


def _passes(x: Tensor) -> ModuleType:
    """Return the functions `statistics`, `normalize` and `gradients` for the device of `x`."""
    if x.is_cuda:
        from keiryo.nn.norm_passes import norm_on_gpu

        return norm_on_gpu
    from keiryo.nn.norm_passes import norm_on_processor

    return norm_on_processor


class _NormalizedOutput(NamedTuple):
    """The inputs from which the output of a norm and its activation can be recomputed."""

    x: Tensor
    scale: Tensor
    shift: Tensor
    statistics: Tensor
    bounds: tuple[float, float]

    def compute(self) -> Tensor:
        """Return the output, the same bits each time."""
        return _passes(self.x).normalize(*self)


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
        passes = _passes(x)
        statistics = passes.statistics(x, running_mean, running_variance, momentum, epsilon)
        ctx.save_for_backward(x, scale, shift, statistics)
        ctx.bounds = bounds
        ctx.mark_non_differentiable(statistics)
        return passes.normalize(x, scale, shift, statistics, bounds), statistics

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, y_gradient: Tensor, _: None
    ) -> tuple[Tensor | None, ...]:
        x, scale, shift, statistics = ctx.saved_tensors
        y_gradient = y_gradient.contiguous(memory_format=torch.channels_last)
        found = _passes(x).gradients(x, y_gradient, scale, shift, statistics, ctx.bounds)
        return *found, None, None, None, None, None
