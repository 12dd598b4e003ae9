"""Copies of a module that can be run without its weights."""

import copy
import re
import types
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.cost.calls import RunError
from keiryo.errors import InputError, one_line

# Looking a device up by its name takes longer than making a tensor without data.
META = torch.device("meta")
# Types whose values a module and its copy may share.
SHARED = frozenset(
    {
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        type(None),
        type,
        torch.dtype,
        torch.device,
        torch.Size,
        types.FunctionType,
        types.BuiltinFunctionType,
    }
)
COLLECTIONS = frozenset({dict, OrderedDict, list, set})
# The attributes in which PyTorch keeps a module's hooks; most are empty.
HOOKS = frozenset(
    name for name in vars(nn.Module()) if name.endswith(("_hooks", "_kwargs", "_called"))
)


def weightless_copy(module: nn.Module, *, keep: bool = False) -> nn.Module:
    """Return a copy of `module` whose tensors hold no data, or the same data with `keep`.

    The original is not changed, and no weight is copied: with `keep`, parameters are shared.
    Buffers are then copied, since a forward may write to them.
    """
    return _copy(module, {}, keep=keep)


def set_evaluation_mode(network: nn.Module) -> nn.Module:
    """Put `network` into evaluation mode, in place, and return it."""
    modules = list(network.modules())
    if any(type(module).train is not nn.Module.train for module in modules):
        return network.eval()
    for module in modules:
        vars(module)["training"] = False
    return network


class NeedsValuesError(InputError):
    """A module without data, whose forward needs values."""

    def __init__(self, label: str, error: RunError) -> None:
        super().__init__(
            f"{label}: its forward needs values, and the module holds none; build it with its "
            f"weights (not on the device meta)\n  {one_line(error.__cause__ or error)}"
        )


def needs_values(error: RunError) -> bool:
    """Return True if a run failed only because its tensors held no data."""
    cause = error.__cause__
    # PyTorch has no error of its own for this; its texts name the device.
    return isinstance(cause, NotImplementedError) or bool(
        re.search(r"\bmeta\b", str(cause), re.IGNORECASE)
    )


def _copy(value: Any, copied: dict[int, Any], *, keep: bool) -> Any:
    """Copy as copy.deepcopy does, which is slow on a module's many small collections."""
    kind: Any = type(value)
    if kind in SHARED:
        return value
    if id(value) in copied:
        return copied[id(value)]
    if isinstance(value, nn.Module):
        if not _is_plain(kind):
            return copy.deepcopy(value, copied)
        twin = copied[id(value)] = object.__new__(kind)
        parts = twin.__dict__
        parts.update(vars(value))
        for name, part in vars(value).items():
            # Most of what a module holds is plain or empty, and is dealt with fastest here.
            if type(part) in SHARED or (name in HOOKS and not part):
                continue
            if type(part) in COLLECTIONS and not part:
                parts[name] = type(part)()
            else:
                parts[name] = _copy(part, copied, keep=keep)
    elif isinstance(value, Tensor):
        copied[id(value)] = _share_or_copy(value) if keep else _without_data(value)
    elif kind in (dict, OrderedDict):
        twin = copied[id(value)] = kind()
        for key, part in value.items():
            twin[key] = _copy(part, copied, keep=keep)
    elif kind is list:
        twin = copied[id(value)] = []
        twin += [_copy(part, copied, keep=keep) for part in value]
    elif kind is tuple and all(type(part) in SHARED for part in value):
        return value
    else:
        return copy.deepcopy(value, copied)
    return copied[id(value)]


def _is_plain(kind: type[nn.Module]) -> bool:
    # PyTorch's own layers restore only attributes that older versions lacked.
    restores = kind.__setstate__.__module__
    return not hasattr(kind, "__deepcopy__") and restores.startswith("torch.nn.")


def _share_or_copy(tensor: Tensor) -> Tensor:
    return tensor if isinstance(tensor, nn.Parameter) else tensor.detach().clone()


def _without_data(tensor: Tensor) -> Tensor:
    # Sparse and quantised tensors have no strides; torch.empty_like takes much longer.
    if tensor.layout is torch.strided and not tensor.is_quantized:
        shape, strides = tensor.shape, tensor.stride()
        empty = torch.empty_strided(shape, strides, dtype=tensor.dtype, device=META)
    else:
        empty = torch.empty_like(tensor, device=META, requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty
