"""Example inputs to run a module on, from what the user gives: sizes, tensors, other values."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from keiryo.errors import InputError

Shape = Sequence[int]
# Sizes, a text such as "128:int64", an example tensor, or any other value that is handed on;
# a list has one for each input, a dictionary one for each keyword.
Inputs = Any

SEED = 0
EXAMPLE = "(3, 224, 224)"


@dataclass(frozen=True)
class Sizes:
    """The sizes of one example of an input, and its number format; None is the usual one."""

    sizes: tuple[int, ...]
    dtype: torch.dtype | None = None
    keyword: str | None = None  # of an input that is not handed on by position


class Examples(NamedTuple):
    """The values that a module is called with, by position and by keyword."""

    positional: list[Any]
    named: dict[str, Any]

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors among the values, in their order."""
        found: list[Tensor] = []
        _walk((self.positional, self.named), found.append)
        return found


@dataclass(frozen=True)
class Given:
    """The inputs as the user gave them, read once, `positional` and `named`, and the batch."""

    positional: list[Any]
    named: dict[str, Any]
    batch: int

    def examples(self, device: str, *, like: nn.Module | None = None) -> Examples:
        """Return the values on `device`; sizes get the batch in front, and random numbers.

        Their number format is that of the parameters of `like`, if none was given. Integers
        made from sizes are 0, which every table of embeddings has.
        """
        random = torch.Generator().manual_seed(SEED)
        usual = _format_of(like)

        def make(value: Any) -> Any:
            if isinstance(value, Sizes):
                return _tensor(value, self.batch, device, random, usual)
            if isinstance(value, Tensor):
                # The forward may write to its input.
                return value.detach().clone() if device != "meta" else _empty_like(value)
            return value

        return Examples(*(_change((self.positional, self.named), make)))

    @property
    def shapes(self) -> list[list[int]]:
        """The shape of one example of each input that is a tensor."""
        found: list[Any] = []
        _walk((self.positional, self.named), found.append)
        return [
            list(value.shape[1:]) if isinstance(value, Tensor) else list(value.sizes)
            for value in found
        ]

    @property
    def examples_at_once(self) -> int:
        """The size of the batch: that of the first tensor if the user gave one."""
        found: list[Any] = []
        _walk((self.positional, self.named), found.append)
        first = next((value for value in found if isinstance(value, Tensor)), None)
        return self.batch if first is None or first.dim() == 0 else first.shape[0]

    @property
    def only_shape(self) -> Sizes | None:
        """The sizes of the only input, if sizes are all that was given."""
        if self.named or len(self.positional) != 1 or not isinstance(self.positional[0], Sizes):
            return None
        return self.positional[0]


def read_inputs(inputs: Inputs, *, batch: int = 1) -> Given:
    """Read what the user gave as the inputs of a module; raise InputError if it is not readable."""
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise InputError(f"batch: give a whole number of examples from 1 on, not {batch!r}")
    if isinstance(inputs, Mapping):
        named = {str(name): _read(value) for name, value in inputs.items()}
        return Given([], named, batch)
    if inputs is None:
        raise InputError(f"no input: give the sizes of one example, for example {EXAMPLE}")
    if _whole(inputs) is not None:
        return Given([_sizes([inputs])], {}, batch)
    if isinstance(inputs, str):
        return read_inputs([read_sizes(inputs)], batch=batch)
    if isinstance(inputs, list) and not inputs:
        return Given([], {}, batch)
    if isinstance(inputs, (list, tuple)) and not _are_numbers(inputs):
        values = [_read(value) for value in inputs]
        keywords = [value.keyword if isinstance(value, Sizes) else None for value in values]
        pairs = list(zip(keywords, values, strict=True))
        positional = [value for keyword, value in pairs if keyword is None]
        named = {name: value for name, value in pairs if name is not None}
        return Given(positional, _nested(named), batch)
    return Given([_read(inputs)], {}, batch)


def read_sizes(text: str) -> Sizes:
    """Read sizes joined by x, and a number format after a colon: 3x224x224, 128:int64.

    A keyword may stand in front, mask=128:bool, or a key of a dictionary: batch.image=3x64x64.
    """
    keyword, equals, rest = text.rpartition("=")
    sizes, _, dtype = rest.partition(":")
    try:
        return Sizes(
            _sizes([int(size) for size in sizes.lower().replace("×", "x").split("x")]).sizes,
            read_dtype(dtype) if dtype else None,
            keyword.strip() if equals else None,
        )
    except ValueError:
        raise InputError(
            f"input {text!r}: give the sizes of one example joined by x, for example 3x224x224 "
            "(channels, height, width), or 128:int64 for 128 token numbers"
        ) from None


def read_dtype(name: str) -> torch.dtype:
    """Return PyTorch's number format called `name`; raise InputError if there is none."""
    dtype = getattr(torch, name.strip().removeprefix("torch."), None)
    if not isinstance(dtype, torch.dtype) or dtype.itemsize == 0:
        raise InputError(
            f"number format {name!r}: give one of PyTorch's, for example float32, bfloat16 or int64"
        )
    return dtype


def _nested(named: dict[str, Any]) -> dict[str, Any]:
    """Return `named` with a dictionary for each keyword whose names have points: batch.image."""
    nested: dict[str, Any] = {}
    for name, value in named.items():
        *outer, last = name.split(".")
        place = nested
        for part in outer:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InputError(f"input {name}: {part} is given as an input, and as a dictionary")
        if last in place:
            raise InputError(f"input {name}: is given twice")
        place[last] = value
    return nested


def _read(value: Any) -> Any:
    """Return `value` with sizes as `Sizes`, and arrays of NumPy as tensors."""
    if isinstance(value, (Tensor, Sizes)):
        return value
    if type(value).__module__ == "numpy":
        return _from_numpy(value)
    if isinstance(value, str) and re.fullmatch(r"([A-Za-z_][\w.]*=)?\d+([x×]\d+)*(:\w+)?", value):
        return read_sizes(value)
    if isinstance(value, (list, tuple)):
        if _are_numbers(value):
            return _sizes(value)
        parts = [_read(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is dict:
        return {name: _read(part) for name, part in value.items()}
    return value


def _from_numpy(value: Any) -> Any:
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    try:
        return torch.from_numpy(value)
    except TypeError as error:
        raise InputError(f"an input of NumPy cannot become a tensor: {error}") from None


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(
        _whole(value) is not None or isinstance(value, float)
        # A tensor of one element could stand for a whole number, but is an input.
        for value in values
    )


def _whole(value: Any) -> int | None:
    if isinstance(value, (bool, Tensor)) or getattr(value, "ndim", 0):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _sizes(values: Sequence[Any]) -> Sizes:
    sizes = [_whole(value) for value in values]
    if any(size is None or size < 1 for size in sizes):
        given = "x".join(map(str, values))
        raise InputError(
            f"input {given}: the sizes of an example are whole numbers from 1 on, for example "
            f"{EXAMPLE}"
        )
    return Sizes(tuple(size for size in sizes if size is not None))


def _format_of(module: nn.Module | None) -> torch.dtype:
    """Return the number format of the first parameter that is not of integers."""
    for parameter in () if module is None else module.parameters():
        if parameter.is_floating_point() or parameter.is_complex():
            return parameter.dtype
    return torch.get_default_dtype()


def _tensor(
    given: Sizes, batch: int, device: str, random: torch.Generator, usual: torch.dtype
) -> Tensor:
    shape, dtype = (batch, *given.sizes), given.dtype or usual
    if device == "meta":
        return torch.empty(shape, dtype=dtype, device=device)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, generator=random).to(dtype)
    return torch.zeros(shape, dtype=dtype)


def _empty_like(tensor: Tensor) -> Tensor:
    if tensor.layout is torch.strided and not tensor.is_quantized:
        return torch.empty_like(tensor, device="meta", requires_grad=False)
    return tensor.detach().to("meta")


def _change(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_change(part, change) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_change(part, change) for part in value)
    if type(value) is dict:
        return {name: _change(part, change) for name, part in value.items()}
    return change(value)


def _walk(value: Any, visit: Callable[[Any], None]) -> None:
    if isinstance(value, (Tensor, Sizes)):
        visit(value)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _walk(part, visit)
    elif isinstance(value, Mapping):
        for part in value.values():
            _walk(part, visit)
