"""The facts that a call of one of PyTorch's own layers follows from.

Its class, its hyperparameters, the shapes of its weights and of its one input say all about it.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from keiryo.cost.running.carried_fields import FIELD_ATTRIBUTE
from keiryo.cost.running.known_calls import Signature

_FUNCTORCH: Any = vars(torch._C)["_functorch"]
COUNTER = "num_batches_tracked"
_CONVOLUTION = ("stride", "padding", "dilation", "groups", "padding_mode")
_SHAPED = ("normalized_shape", "eps")
# Classes of layers -> the attributes that their forward reads besides its weights.
_READ: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv1d: _CONVOLUTION,
    nn.Conv2d: _CONVOLUTION,
    nn.Conv3d: _CONVOLUTION,
    nn.Linear: (),
    nn.BatchNorm1d: ("momentum", "track_running_stats"),
    nn.BatchNorm2d: ("momentum", "track_running_stats"),
    nn.BatchNorm3d: ("momentum", "track_running_stats"),
    nn.LayerNorm: _SHAPED,
    nn.GroupNorm: ("num_groups",),
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid), ("inplace",)),
    nn.GELU: ("approximate",),
    nn.Sigmoid: (),
    nn.Tanh: (),
    nn.Dropout: (),
    nn.Identity: (),
}
_WEIGHTS = frozenset({"weight", "bias"})
_STATISTICS = frozenset({"running_mean", "running_var", COUNTER})
_FUNCTIONS = (
    *("conv1d", "conv2d", "conv3d", "linear", "batch_norm", "layer_norm", "group_norm", "relu"),
    *("relu6", "silu", "hardswish", "hardsigmoid", "gelu", "dropout", "pad"),
)


def _code() -> tuple[object, ...]:
    classes = [kind.forward for kind in _READ]
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    inner = [kind._conv_forward for kind in convolutions]
    return (*classes, *inner, *(getattr(F, name) for name in _FUNCTIONS))


_CODE = _code()


def is_as_shipped() -> bool:
    """Return True if nobody replaced the forward of a layer here, or a function that it calls."""
    return all(now is then for now, then in zip(_code(), _CODE, strict=True))


def is_known_kind(module: nn.Module) -> bool:
    """Return True if calls of `module` may be known by their signatures."""
    return type(module) in _READ and "forward" not in vars(module) and not module._modules


def layer_signature(
    module: nn.Module, source: object, weights: Mapping[int, Tensor | None]
) -> Signature | None:
    """Return what a call of `module`, which is of a known kind, on `source` follows from.

    `weights` are those that the network had before its run, by their ids. None means that more may
    matter.
    """
    own = vars(module)
    if (
        type(source) is not Tensor
        or not source.is_meta
        or source.layout is not torch.strided
        or own["training"]
        or torch.is_grad_enabled()
        # Another mode, or a transform such as vmap, would see the operator in another form.
        or torch._C._len_torch_dispatch_stack() != 1
        or torch._C._len_torch_function_stack() != 0
        or _FUNCTORCH.peek_interpreter_stack() is not None
    ):
        return None
    kind = type(module)
    parts: list[object] = [kind, source.shape, source.stride(), source.dtype]
    for name in _READ[kind]:
        value = own.get(name)
        parts.append(tuple(value) if type(value) is list else value)
    for tensors, names in ((own["_parameters"], _WEIGHTS), (own["_buffers"], _STATISTICS)):
        for name, tensor in tensors.items():
            if name not in names or name in own:
                return None  # made from other weights, as by pruning
            if tensor is None or name == COUNTER:
                parts.append(name)
                continue
            if id(tensor) not in weights or not tensor.is_meta or FIELD_ATTRIBUTE in vars(tensor):
                return None  # replaced or changed in this run
            parts += (name, tensor.shape, tensor.stride(), tensor.dtype)
    return tuple(parts)
