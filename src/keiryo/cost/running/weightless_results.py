"""Results of operators on tensors without data, by the fastest way to each."""

from typing import Any

import torch
from torch._ops import OpOverload

from keiryo.cost.running.meta_copy import META
from keiryo.cost.running.operator_table import Operator


def weightless_result(func: OpOverload, operator: Operator, args: Any, kwargs: Any) -> Any:
    """Return the result of `func` on tensors without data; None: ask PyTorch."""
    if operator.shortcut is not None:
        try:
            return operator.shortcut(args, kwargs)
        except Exception:  # not one of the simple cases
            return None
    if operator.makes_tensor:
        # A tensor that the forward makes without a device goes where the others are.
        return func(*args, **(kwargs | {"device": META}))
    if func is torch.ops.aten.lift_fresh.default:
        return torch.empty_like(args[0], device=META)
    return None


def convolution_arguments(args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return the arguments of `convolution` for those of conv1d to conv3d, which may omit some."""
    if len(args) == 7:  # as layers call it
        axes = args[1].dim() - 2
        return (*args[:6], False, [0] * axes, args[6])
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
