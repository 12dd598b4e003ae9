"""The gradients of strided depthwise convolutions in bfloat16 on the processor.

PyTorch has fast kernels for depthwise convolutions in bfloat16, except for the gradient of
the input if the stride is above 1: that takes over ten times as long as in float32. But it is
itself a depthwise convolution, of the output's gradient with zeros inserted.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class FastStridedDepthwise(TorchFunctionMode):
    """A context in which such convolutions, of any network, compute their gradients fast."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is functional.conv2d:
            return _convolve(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def has_strided_depthwise(network: nn.Module) -> bool:
    """Return True if `network` has layers that `FastStridedDepthwise` makes faster."""
    return any(
        isinstance(layer, nn.Conv2d) and layer.groups > 1 and max(layer.stride) > 1
        for layer in network.modules()
    )


def _convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Compute `torch.nn.functional.conv2d` of these arguments."""
    strides, paddings = _pair(stride), _pair(padding)
    fits = (
        x.dtype == torch.bfloat16
        and torch.is_grad_enabled()
        and x.dim() == 4
        and groups == x.shape[1] == weight.shape[0] > 1
        and strides != (1, 1)
        and _pair(dilation) == (1, 1)
        and not isinstance(padding, str)
        and all(p < size for p, size in zip(paddings, weight.shape[2:], strict=True))
    )
    if not fits:
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    y = _StridedDepthwise.apply(x, weight.to(x.dtype), strides, paddings)
    return y if bias is None else y + bias.to(x.dtype)[:, None, None]


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


class _StridedDepthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, y_gradient: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, groups = ctx.stride, ctx.padding, x.shape[1]
        kernel, counts = weight.shape[2:], y_gradient.shape[2:]
        # This shape gives a sliding window as many positions as the input has rows and columns.
        shape = (x.shape[2] + kernel[0] - 1, x.shape[3] + kernel[1] - 1)
        spread = torch.empty(
            *x.shape[:2], *shape, dtype=x.dtype, memory_format=torch.channels_last
        ).zero_()
        firsts = [size - 1 - before for size, before in zip(kernel, padding, strict=True)]
        rows, columns = (
            slice(first, first + step * count, step)
            for first, step, count in zip(firsts, stride, counts, strict=True)
        )
        spread[:, :, rows, columns] = y_gradient
        x_gradient = functional.conv2d(spread, weight.flip(2, 3), None, 1, 0, 1, groups)
        _, weight_gradient, _ = torch.ops.aten.convolution_backward(
            y_gradient,
            x,
            weight,
            None,
            stride,
            padding,
            (1, 1),
            False,
            (0, 0),
            groups,
            (False, True, False),
        )
        return x_gradient, weight_gradient, None, None
