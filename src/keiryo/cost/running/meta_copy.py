"""Copies of a module that can be run without its weights."""

import copy
import functools
import re
import types
import weakref
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from keiryo.cost.calls import RunError
from keiryo.errors import InputError

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
        types.ModuleType,
        weakref.ReferenceType,
    }
)
COLLECTIONS = frozenset({dict, OrderedDict, list, set})
LAZY = frozenset({UninitializedBuffer, UninitializedParameter})
# The attributes in which PyTorch keeps a module's hooks; most are empty.
TENSORS = frozenset({"_parameters", "_buffers"})
HOOKS = frozenset(
    name for name in vars(nn.Module()) if name.endswith(("_hooks", "_kwargs", "_called"))
)


def weightless_copy(module: nn.Module, *, keep: bool = False) -> nn.Module:
    """Return a copy of `module` whose tensors hold no data, or the same data with `keep`.

    The original is not changed, and no weight is copied: with `keep`, parameters are shared.
    Buffers are then copied, since a forward may write to them.
    """
    return _copy(module, {}, keep=keep)


def set_evaluation_mode(
    network: nn.Module, modules: Collection[nn.Module] | None = None
) -> nn.Module:
    """Put `network`, which has these `modules`, into evaluation mode, in place, and return it."""
    modules = list(network.modules()) if modules is None else modules
    if any(type(module).train is not nn.Module.train for module in modules):
        _evaluate(network)
    else:
        for module in modules:
            vars(module)["training"] = False
    return network


def _evaluate(module: nn.Module) -> None:
    """Do what `eval` does, and call each `train` of the user's own, which may return nothing."""
    kind = type(module)
    if kind.train is not nn.Module.train or kind.eval is not nn.Module.eval:
        module.eval()
        return
    vars(module)["training"] = False
    for child in module._modules.values():
        if child is not None:
            _evaluate(child)


class NeedsValuesError(InputError):
    """A module without data failed, and might not if it held its weights."""


def needs_values(error: RunError) -> bool:
    """Return True if a run failed only because its tensors held no data."""
    cause = error.__cause__
    # PyTorch has no error of its own for this; its texts name the device.
    return isinstance(cause, NotImplementedError) or bool(
        re.search(r"\bmeta\b", str(cause), re.IGNORECASE)
    )


def _copy(value: Any, copied: dict[int, Any], *, keep: bool) -> Any:
    """Copy as copy.deepcopy does, which is slow on a module's many small collections.

    What cannot be copied (a lock, a file, a handle of another library) is shared.
    """
    kind: Any = type(value)
    if kind in SHARED:
        return value
    if id(value) in copied:
        return copied[id(value)]
    if kind is not nn.Parameter and isinstance(value, nn.Module):
        return _copy_module(value, copied, keep=keep)
    if isinstance(value, Tensor):
        copied[id(value)] = twin = _share_or_copy(value) if keep else _without_data(value)
    elif kind in (dict, OrderedDict):
        twin = copied[id(value)] = kind()
        for key, part in value.items():
            twin[key] = _copy(part, copied, keep=keep)
    elif kind is list:
        twin = copied[id(value)] = []
        twin += [_copy(part, copied, keep=keep) for part in value]
    elif kind is tuple:
        if all(type(part) in SHARED for part in value):
            return value
        copied[id(value)] = twin = tuple([_copy(part, copied, keep=keep) for part in value])
    elif kind is types.MethodType:
        # A hook, or a forward that was replaced: it must act on the copy.
        twin = types.MethodType(value.__func__, _copy(value.__self__, copied, keep=keep))
    elif kind is functools.partial:
        function, given = _copy(value.func, copied, keep=keep), _copy(value.args, copied, keep=keep)
        twin = functools.partial(function, *given, **_copy(value.keywords, copied, keep=keep))
    elif _is_plain_object(kind):
        twin = copied[id(value)] = object.__new__(kind)
        vars(twin).update(
            {name: _copy(part, copied, keep=keep) for name, part in vars(value).items()}
        )
    elif hasattr(kind, "__del__"):
        return value  # the copy would be dropped as if it were the original
    else:
        twin = _deep_copy(value, copied)
        return value if twin is None else twin
    return twin


def _copy_module(module: nn.Module, copied: dict[int, Any], *, keep: bool) -> nn.Module:
    kind: Any = type(module)
    if not _is_plain(kind):
        twin = _deep_copy(module, copied)
        if twin is not None:
            return twin if keep else twin.to(META)
    twin = copied[id(module)] = object.__new__(kind)
    parts = twin.__dict__
    parts.update(vars(module))
    for name, part in vars(module).items():
        # Most of what a module holds is plain or empty, and is dealt with fastest here.
        own = type(part)
        if own in SHARED or (name in HOOKS and not part):
            continue
        if own is dict and name in TENSORS and part and not keep:
            parts[name] = _twins(part, copied)
        elif own is tuple and SHARED.issuperset(map(type, part)):
            continue
        elif own in COLLECTIONS and (
            not part or (own in (list, set) and SHARED.issuperset(map(type, part)))
        ):
            # Another module may hold the same one.
            known = copied.get(id(part))
            if known is None:
                known = copied[id(part)] = part.copy()
            parts[name] = known
        else:
            parts[name] = _copy(part, copied, keep=keep)
    return twin


def _twins(tensors: dict[str, Tensor | None], copied: dict[int, Any]) -> dict[str, Tensor | None]:
    twins: dict[str, Tensor | None] = {}
    for name, tensor in tensors.items():
        known = copied.get(id(tensor))
        if known is None and tensor is not None:
            known = copied[id(tensor)] = _without_data(tensor)
        twins[name] = known
    return twins


def _deep_copy(value: Any, copied: dict[int, Any]) -> Any:
    """Return a copy by the means of its class; None if it cannot be copied."""
    before = dict(copied)
    try:
        return copy.deepcopy(value, copied)
    except Exception:  # a class of any library may refuse in any way
        # What was copied until then may be incomplete.
        copied.clear()
        copied.update(before)
        return None


@functools.cache
def _is_plain(kind: type[nn.Module]) -> bool:
    # PyTorch's own layers restore only attributes that older versions lacked. (Once a model was
    # compiled, the one of nn.Module itself is the compiler's.)
    if hasattr(kind, "__deepcopy__"):
        return False
    restoring = next(base for base in kind.__mro__ if "__setstate__" in vars(base))
    return restoring.__module__.startswith("torch.nn.modules.")


@functools.cache
def _is_plain_object(kind: type) -> bool:
    """Return True if objects of `kind` are no more than their attributes.

    If one says what happens when it is dropped, its copy must not be dropped.
    """
    methods: tuple[tuple[str, Any], ...] = (
        ("__new__", object.__new__),
        ("__reduce__", object.__reduce__),
        ("__reduce_ex__", object.__reduce_ex__),
        ("__getstate__", object.__getstate__),
    )
    own = ("__deepcopy__", "__setstate__", "__del__", "__slots__")
    return (
        all(getattr(kind, name, None) is method for name, method in methods)
        and not any(hasattr(kind, name) for name in own)
        and kind.__dictoffset__ != 0
    )


def _share_or_copy(tensor: Tensor) -> Tensor:
    if type(tensor) in LAZY:
        return copy.deepcopy(tensor)
    return tensor if isinstance(tensor, nn.Parameter) else tensor.detach().clone()


def _without_data(tensor: Tensor) -> Tensor:
    if type(tensor) in LAZY:
        lazy: Any = UninitializedBuffer
        if isinstance(tensor, nn.Parameter):
            lazy = UninitializedParameter
        return lazy(requires_grad=tensor.requires_grad, device=META, dtype=tensor.dtype)
    # Sparse and quantised tensors have no strides; torch.empty_like takes much longer.
    if tensor.layout is torch.strided and not tensor.is_quantized:
        shape, strides = tensor.shape, tensor.stride()
        empty = torch.empty_strided(shape, strides, dtype=tensor.dtype, device=META)
    else:
        empty = torch.empty_like(tensor, device=META, requires_grad=False)
    if type(tensor) is nn.Parameter or isinstance(tensor, nn.Parameter):
        # What nn.Parameter does, without its checks of every kind of tensor.
        return Tensor._make_subclass(nn.Parameter, empty, tensor.requires_grad)
    return empty
