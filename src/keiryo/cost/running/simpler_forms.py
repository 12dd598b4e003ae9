"""Operators that consist of one other, found faster than by asking PyTorch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

aten = torch.ops.aten

# The other operator and its arguments.
SimplerCall = tuple[OpOverload, tuple[Any, ...]]
SimplerForm = Callable[[Any, Any], SimplerCall | None]


def _convolution(args: Any, kwargs: Any) -> SimplerCall | None:
    # Of conv1d to conv3d, whose arguments may be left out.
    if len(args) < 2 or args[0].dim() != args[1].dim():
        return None
    if len(args) == 7:  # as layers call it
        axes = args[1].dim() - 2
        return aten.convolution.default, (*args[:6], False, [0] * axes, args[6])
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, args, strict=False)) | kwargs
    axes = given["weight"].dim() - 2
    return aten.convolution.default, (
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


def _reshape(args: Any, kwargs: Any) -> SimplerCall | None:
    if kwargs or not _is_plain(args[0]):
        return None
    return aten.view.default, tuple(args)


def _reshape_as(args: Any, kwargs: Any) -> SimplerCall | None:
    if kwargs or not _is_plain(args[0]):
        return None
    return aten.view.default, (args[0], list(args[1].shape))


def _flatten(args: Any, kwargs: Any) -> SimplerCall | None:
    source: Tensor = args[0]
    rank, shape = source.dim(), source.shape
    first = args[1] if len(args) > 1 else 0
    last = args[2] if len(args) > 2 else -1
    if kwargs or not _is_plain(source) or not (-rank <= first < rank and -rank <= last < rank):
        return None
    first, last = first % rank, last % rank
    if first >= last:
        return None
    flat = shape[first : last + 1].numel()
    return aten.view.default, (source, [*shape[:first], flat, *shape[last + 1 :]])


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.is_contiguous()


# None as an answer: this call has no simpler form.
SIMPLER_FORMS: dict[OpOverload, SimplerForm] = {
    aten.conv1d.default: _convolution,
    aten.conv2d.default: _convolution,
    aten.conv3d.default: _convolution,
    aten.reshape.default: _reshape,
    aten.reshape_as.default: _reshape_as,
    aten.flatten.using_ints: _flatten,
}
