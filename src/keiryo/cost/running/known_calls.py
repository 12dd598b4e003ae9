"""The facts of a call of an operator, found once for all calls with the same arguments.

Networks repeat their blocks, so most calls are like an earlier one: same operator, same shapes,
layouts and number formats of tensors, same other arguments. On tensors without data, all else
follows from these.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload

from keiryo.cost.formula.layers import Shape
from keiryo.cost.operators.work import Work
from keiryo.cost.receptive_field.field import TensorField
from keiryo.cost.running.operator_table import Operator

# The arguments of a call, in a form that can be looked up.
Signature = tuple[Any, ...]
PLAIN_TENSORS = frozenset({Tensor, nn.Parameter})
NUMBERS = frozenset({int, float, bool, complex})
OTHER_VALUES = frozenset(
    {str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format}
)
# Of each kind of run; all are forgotten when there are more.
MOST_CALLS = 8192
MOST_FIELDS = 64  # of each call


class CallFacts:
    """All that follows from the arguments of a call."""

    __slots__ = (
        *("fields", "input_shapes", "is_idle", "moved", "output_shapes", "output_sizes"),
        *("results", "scratch", "sizes", "weight_bytes", "work"),
    )

    def __init__(self) -> None:
        self.work: Work | None = None  # None: the operator is unknown
        self.is_idle = False  # True: a view, which neither works nor takes memory
        self.scratch = 0  # bytes
        self.sizes: list[int] = []  # bytes of the tensors that are given
        self.output_sizes: list[int] = []
        self.weight_bytes = 0  # of the weights that are not among the tensors that are given
        self.input_shapes: list[Shape] = []
        self.output_shapes: list[Shape] = []  # of the first result alone
        self.moved = 0  # bytes
        # Shape, strides and format of each result that is a new tensor; None: ask again.
        self.results: list[tuple[Any, ...]] | None = None
        # By the ids of the fields of the tensors that are given. Those are kept beside the
        # result's, so that no other field can get the same id.
        self.fields: dict[tuple[int, ...], tuple[list[TensorField], Sequence[TensorField]]] = {}

    def new_results(self) -> Any:
        """Return new tensors like those of the first call; None if they are not known."""
        results = self.results
        if results is None:
            return None
        if len(results) == 1:
            shape, strides, dtype = results[0]
            return torch.empty_strided(shape, strides, dtype=dtype, device=_META)
        return tuple(
            torch.empty_strided(shape, strides, dtype=dtype, device=_META)
            for shape, strides, dtype in results
        )

    def remember_results(self, operator: Operator, given: list[Tensor], result: Any) -> None:
        """Note the shapes of `result`, if all of it are new tensors."""
        if operator.is_view or operator.changes_arguments:
            return
        outputs = [result] if isinstance(result, Tensor) else result
        if type(outputs) not in (list, tuple) or (type(result) is not Tensor and len(outputs) < 2):
            return
        known = {tensor.untyped_storage()._cdata for tensor in given}
        for output in outputs:
            if type(output) is not Tensor or not _is_plain(output) or output.is_conj():
                return
            storage = output.untyped_storage()
            whole = output.numel() * output.element_size()
            if storage._cdata in known or storage.nbytes() != whole:
                return
            known.add(storage._cdata)
        if type(result) in (Tensor, tuple):
            self.results = [(one.shape, one.stride(), one.dtype) for one in outputs]


_META = torch.device("meta")


def facts_within(inner: CallFacts, result: Tensor, *, weight_bytes: int) -> CallFacts | None:
    """Return the facts of a call whose only work is the call of `inner`, and gives `result`.

    None if `result` is not the whole of a new tensor. `weight_bytes` are those read by `inner`.
    """
    if type(result) is not Tensor or not _is_plain(result) or result.is_conj():
        return None
    if result.untyped_storage().nbytes() != result.numel() * result.element_size():
        return None
    facts = CallFacts()
    facts.work, facts.scratch, facts.moved = inner.work, inner.scratch, inner.moved
    facts.output_sizes, facts.weight_bytes = inner.output_sizes, weight_bytes
    facts.input_shapes, facts.output_shapes = inner.input_shapes, inner.output_shapes
    facts.results = [(result.shape, result.stride(), result.dtype)]
    return facts


# By PyTorch's usual number format and the bytes of a real number, on which the facts depend too.
_known: dict[tuple[torch.dtype, int], dict[Signature, CallFacts]] = {}


def known_calls(real_bytes: int) -> dict[Signature, CallFacts]:
    """Return the calls that are known, for runs in which a real number takes `real_bytes`."""
    calls = _known.setdefault((torch.get_default_dtype(), real_bytes), {})
    if len(calls) > MOST_CALLS:
        calls.clear()
    return calls


def signature(func: OpOverload, args: Any, kwargs: Any, given: list[Tensor]) -> Signature | None:
    """Return what the results of a call follow from, and append its tensors to `given`.

    None means that more may matter: data, other kinds of tensors, objects.
    """
    parts: list[Any] = [id(func)]  # operators are never freed
    if not _describe(args, parts, given):
        return None
    if kwargs:
        parts += kwargs
        if not _describe(kwargs.values(), parts, given):
            return None
    return tuple(parts)


def _describe(values: Any, parts: list[Any], given: list[Tensor]) -> bool:
    for value in values:
        kind = type(value)
        if kind in PLAIN_TENSORS:
            if not value.is_meta or value.layout is not torch.strided:
                return False
            given.append(value)
            parts += (value.shape, value.stride(), value.dtype)
        elif kind in NUMBERS:
            parts += (kind, value)  # 1, 1.0 and True are equal
        elif kind is list or kind is tuple:
            parts.append(len(value))
            if value and type(value[0]) is int:
                parts += value
            elif not _describe(value, parts, given):
                return False
        elif kind in OTHER_VALUES:
            parts.append(value)
        else:
            return False
    return True


def _is_plain(tensor: Tensor) -> bool:
    return (
        tensor.is_meta
        and tensor.layout is torch.strided
        and not tensor.is_quantized
        and tensor.storage_offset() == 0
    )
