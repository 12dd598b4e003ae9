"""Results of operators on tensors without data, by the fastest way to each."""

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from keiryo.cost.running.meta_copy import META
from keiryo.cost.running.operator_table import Operator

CONVOLUTION = torch.ops.aten.convolution.default
# Those that consist of it alone.
CONVOLUTIONS = frozenset(
    {
        torch.ops.aten.conv1d.default,
        torch.ops.aten.conv2d.default,
        torch.ops.aten.conv3d.default,
    }
)


class WeightlessResults:
    """Finds results without asking PyTorch where that is simple."""

    def __init__(self) -> None:
        self._convolved_shapes: dict[Any, torch.Size] = {}

    def find(self, func: OpOverload, operator: Operator, args: Any, kwargs: Any) -> Any:
        """Return the result of `func` on tensors without data; None: ask PyTorch."""
        if operator.makes_tensor and operator.shortcut is None:
            # A tensor that the forward makes without a device goes where the others are.
            return func(*args, **(kwargs | {"device": META}))
        if func is torch.ops.aten.lift_fresh.default:
            return torch.empty_like(args[0], device=META)
        if func is CONVOLUTION:
            return self._convolve(args)
        if operator.shortcut is None:
            return None
        try:
            return operator.shortcut(args, kwargs)
        except Exception:  # not one of the simple cases
            return None

    def _convolve(self, args: Any) -> Tensor:
        """Return a convolution's result; its shape is what PyTorch gave an earlier one like it."""
        source, weight, _, *options = args
        if not source.is_contiguous():
            return CONVOLUTION(*args)
        signature = (source.shape, weight.shape, str(options))
        if signature not in self._convolved_shapes:
            self._convolved_shapes[signature] = CONVOLUTION(*args).shape
        shape = self._convolved_shapes[signature]
        return torch.empty(shape, dtype=source.dtype, device=META)


def convolution_arguments(args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return the arguments of `convolution` for those of conv1d to conv3d, which may omit some."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, args, strict=False)) | kwargs
    axes = given["weight"].dim() - 2
    return (
        given["input"],
        given["weight"],
        given.get("bias"),
        given.get("stride", [1] * axes),
        given.get("padding", [0] * axes),
        given.get("dilation", [1] * axes),
        False,
        [0] * axes,
        given.get("groups", 1),
    )
