"""What is known of each operator before a run: how it is counted, followed and shortened."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch._ops import OpOverload

from keiryo.cost.operators.decide import is_composite, rule_for
from keiryo.cost.operators.element_work import TRANSFORMS
from keiryo.cost.operators.work import Rule
from keiryo.cost.receptive_field.following import keeps_field
from keiryo.cost.running.scratch import Estimate, scratch_estimate
from keiryo.cost.running.shortcuts import SHORTCUTS, Shortcut


@dataclass(frozen=True)
class Operator:
    """The way an operator is counted and followed."""

    name: str
    is_composite: bool = False
    rule: Rule | None = None
    shortcut: Shortcut | None = None
    argument_names: Sequence[str] = ()
    is_view: bool = False
    keeps_field: bool = False  # the output has the first argument's receptive field
    changes_first: bool = False
    makes_tensor: bool = False
    scratch: Estimate | None = None
    is_transform: bool = False


@cache
def operator_of(func: OpOverload) -> Operator:
    """Return what is known of `func`; it is looked up once."""
    arguments = func._schema.arguments
    takes_tensors = [a.name for a in arguments if "Tensor" in str(a.type)]
    return Operator(
        name=f"{func.namespace}.{func.overloadpacket.__name__}",
        is_composite=is_composite(func),
        rule=rule_for(func),
        shortcut=SHORTCUTS.get(func),
        argument_names=[argument.name for argument in arguments],
        is_view=func.is_view or func is torch.ops.aten._unsafe_view.default,
        keeps_field=keeps_field(func, takes_tensors),
        changes_first=bool(arguments) and func._schema.is_mutable and arguments[0].is_write,
        makes_tensor=not takes_tensors and any(a.name == "device" for a in arguments),
        scratch=scratch_estimate(func),
        is_transform=func.overloadpacket in TRANSFORMS,
    )
