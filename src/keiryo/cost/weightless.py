"""Copies of a module that can be run without its weights."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.cost.trace import RunError


def weightless_copy(module: nn.Module, *, keep: bool = False) -> nn.Module:
    """Return a copy of `module` whose tensors hold no data, or the same data with `keep`.

    Nothing of the original is changed, and no weight is copied.
    """
    replaced: dict[int, Any] = {}
    for part in module.modules():
        for tensor in _tensors_held_by(part):
            replaced[id(tensor)] = tensor if keep else _without_data(tensor)
    return copy.deepcopy(module, replaced)


def needs_values(error: RunError) -> bool:
    """Whether a run failed only because its tensors held no data."""
    cause = error.__cause__
    return isinstance(cause, NotImplementedError) or "meta" in str(cause).lower()


def _tensors_held_by(module: nn.Module) -> list[Tensor]:
    values = [
        *module._parameters.values(),
        *module._buffers.values(),
        *vars(module).values(),
    ]
    return [value for value in values if isinstance(value, Tensor)]


def _without_data(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty
