"""Facts about each operator before a run: how it is counted, followed and shortened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._ops import OpOverload

from keiryo.cost.operators.decide import is_composite, rule_for
from keiryo.cost.operators.element_work import TRANSFORMS
from keiryo.cost.operators.work import Rule
from keiryo.cost.receptive_field.following import Follower, follower, keeps_field, lose_field
from keiryo.cost.running.meta_copy import META
from keiryo.cost.running.scratch import Estimate, scratch_estimate
from keiryo.cost.running.shortcuts import SHORTCUTS, Shortcut
from keiryo.cost.running.simpler_forms import SIMPLER_FORMS, SimplerForm


@dataclass(frozen=True)
class Operator:
    """The way an operator is counted and followed."""

    name: str
    overload: OpOverload | None = None  # None: an operator that takes functions
    simpler: SimplerForm | None = None
    is_composite: bool = False
    rule: Rule | None = None
    shortcut: Shortcut | None = None
    argument_names: Sequence[str] = ()
    is_view: bool = False
    keeps_field: bool = False  # the output has the first argument's receptive field
    follow: Follower = lose_field
    changes_first: bool = False
    changes_arguments: bool = False
    makes_tensor: bool = False
    scratch: Estimate | None = None
    is_transform: bool = False


# By the id of the overload, which the entry holds: the hash of an overload is computed in Python.
_known: dict[int, Operator] = {}


def operator_of(func: OpOverload) -> Operator:
    """Return what is known of `func`; it is looked up once."""
    operator = _known.get(id(func))
    if operator is None:
        operator = _known[id(func)] = _look_up(func)
    return operator


def _look_up(func: OpOverload) -> Operator:
    arguments = func._schema.arguments
    takes_tensors = [a.name for a in arguments if "Tensor" in str(a.type)]
    return Operator(
        name=f"{func.namespace}.{func.overloadpacket.__name__}",
        overload=func,
        simpler=SIMPLER_FORMS.get(func),
        is_composite=is_composite(func),
        rule=rule_for(func),
        shortcut=SHORTCUTS.get(func),
        argument_names=[argument.name for argument in arguments],
        is_view=func.is_view or func is torch.ops.aten._unsafe_view.default,
        keeps_field=keeps_field(func, takes_tensors),
        follow=follower(func),
        changes_arguments=func._schema.is_mutable,
        changes_first=bool(arguments) and func._schema.is_mutable and arguments[0].is_write,
        makes_tensor=not takes_tensors and any(a.name == "device" for a in arguments),
        scratch=scratch_estimate(func),
        is_transform=func.overloadpacket in TRANSFORMS,
    )


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
