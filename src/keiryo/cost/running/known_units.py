"""Calls of layers and composed operators that do the work of one operator, repeated without a run.

Once such a unit was run, its further calls with the same signature get a new tensor like the first
result, and count the same work: the operator within is not asked again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from keiryo.cost.receptive_field.field import UNKNOWN, TensorField
from keiryo.cost.running.carried_fields import FIELD_ATTRIBUTE, field_of
from keiryo.cost.running.known_calls import (
    MOST_CALLS,
    MOST_FIELDS,
    CallFacts,
    Signature,
    facts_within,
)
from keiryo.cost.running.known_layers import is_as_shipped, is_known_kind, layer_signature
from keiryo.cost.running.operator_table import Operator


class Event(NamedTuple):
    """A call of an operator that did some work or made a tensor."""

    operator: Operator
    facts: CallFacts
    weight_bytes: int
    storage: int | None  # the key of the only result's storage


@dataclass(slots=True)
class Unit:
    """All that follows from the signature of a call."""

    operator: Operator | None  # None: no work, its input is returned
    facts: CallFacts
    returns_input: bool


# Adds a call to the record: operator, facts, tensors given, results, field of the first result.
Count = Callable[[Operator, CallFacts, Sequence[Tensor], Sequence[Tensor], TensorField], None]

# By PyTorch's usual number format and the bytes of a real number, on which the facts depend too.
_known: dict[tuple[torch.dtype, int], dict[Signature, Unit]] = {}


class KnownUnits:
    """The units that are known, for runs in which a real number takes `real_bytes`.

    `events` are those of the run so far, to which `count` adds; `weights` those of the network, by
    their ids.
    """

    def __init__(
        self,
        real_bytes: int,
        weights: Mapping[int, Tensor | None],
        events: list[Event],
        count: Count,
    ) -> None:
        self._units = _known.setdefault((torch.get_default_dtype(), real_bytes), {})
        if len(self._units) > MOST_CALLS:
            self._units.clear()
        self._weights, self._events, self._count = weights, events, count
        self._knows_layers = is_as_shipped()

    def knows(self, module: nn.Module) -> bool:
        """Return True if calls of `module` may be known."""
        return self._knows_layers and is_known_kind(module)

    def signature(self, module: nn.Module, source: object) -> Signature | None:
        """Return the signature of a call of `module` on `source`; None if there is none."""
        return layer_signature(module, source, self._weights)

    def mark(self) -> int:
        """Return the number of events so far."""
        return len(self._events)

    def repeat(self, key: Signature, given: Sequence[Tensor]) -> Tensor | None:
        """Return the result of the unit for the tensors `given`; None if it must be run."""
        unit = self._units.get(key)
        if unit is None:
            return None
        facts, operator = unit.facts, unit.operator
        if operator is None:
            return given[0]
        field = field_of(given[0])
        if unit.returns_input or operator.keeps_field:
            if field is UNKNOWN:
                return None
        else:
            key_of_fields = (id(field), *[id(field_of(tensor)) for tensor in given[1:]])
            known = facts.fields.get(key_of_fields)
            if known is None:
                return None
            field = known[1][0]
        if unit.returns_input:
            result = given[0]
        else:
            # Otherwise the tensor that is made here would be counted itself.
            with torch._C._DisableTorchDispatch():
                result = facts.new_results()
            if field is not None:
                setattr(result, FIELD_ATTRIBUTE, field)
        self._count(operator, facts, (), (result,), field)
        return result

    def learn(
        self,
        key: Signature,
        given: Sequence[Tensor],
        before: Sequence[TensorField],
        mark: int,
        result: object,
    ) -> None:
        """Note a unit that was run, from the events since `mark`, if it is one that can be known.

        `before` are the fields of the tensors that were `given`.
        """
        if type(result) is not Tensor:
            return
        field, unit = field_of(result), self._units.get(key)
        if unit is None:
            unit = self._unit_of(given[0], self._events[mark:], result)
            if unit is None:
                return
            self._units[key] = unit
        if field is not UNKNOWN and len(unit.facts.fields) < MOST_FIELDS:
            unit.facts.fields[tuple(map(id, before))] = (list(before), (field,))

    def _unit_of(self, source: Tensor, events: Sequence[Event], result: Tensor) -> Unit | None:
        if not events:
            return Unit(None, CallFacts(), True) if result is source else None
        operator, inner, weight_bytes, storage = events[0]
        if len(events) > 1 or inner.work is None or operator.is_transform:
            return None
        if result is source:
            if not (operator.changes_first and operator.keeps_field):
                return None
        elif storage is None or storage != result.untyped_storage()._cdata:
            return None
        facts = facts_within(inner, result, weight_bytes=weight_bytes)
        return None if facts is None else Unit(operator, facts, result is source)
