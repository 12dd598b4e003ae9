"""The tensors within the arguments and results of operators and modules, and their sizes."""

from collections.abc import Iterable, Sequence
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor

from keiryo.cost.formula.layers import Shape
from keiryo.cost.running.units import FLOAT32_BYTES, element_bytes


def tensors_among(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors in nested tuples, lists and dictionaries, as operators take them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += tensors_among(value.values())
        elif isinstance(value, (list, tuple)) and value:
            found += tensors_among(value)
    return found


def tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors in nested collections, and in objects as layers may return them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += tensors_in(value.values())
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
        elif is_dataclass(value) and not isinstance(value, type):
            found += tensors_in(vars(value).values() if hasattr(value, "__dict__") else ())
    return found


def shapes_in(values: Iterable[Any]) -> list[Shape]:
    """Return the shapes of the tensors that `tensors_in` finds."""
    return [tuple(tensor.shape) for tensor in tensors_in(values)]


class ByteCount:
    """Counts the bytes of tensors; a floating-point number has the same size in all of them."""

    def __init__(self, real_bytes: int = FLOAT32_BYTES) -> None:
        self.unit = _Units(real_bytes)  # the bytes of an element of each number format

    def of(self, tensors: Sequence[Tensor]) -> int:
        """Return the bytes of all `tensors` together."""
        return sum([tensor.numel() * self.unit[tensor.dtype] for tensor in tensors])


class _Units(dict[torch.dtype, int]):
    def __init__(self, real_bytes: int) -> None:
        super().__init__()
        self._real = real_bytes

    def __missing__(self, dtype: torch.dtype) -> int:
        self[dtype] = element_bytes(dtype, self._real)
        return self[dtype]
