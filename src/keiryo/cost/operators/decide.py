"""The choice of the rule that counts an operator; every operator of PyTorch is decided.

An operator counts multiply-accumulates (`multiply_accumulates`), visits elements or moves them
(`element_work`), or is a product without a rule, whose name is shown to the user instead of a
cost of zero.
"""

from functools import cache
from typing import Any

import torch
from torch._ops import OpOverload

from keiryo.cost.operators.element_work import COMPOSED, ELEMENT_WORK, MOVES, REPETITIONS
from keiryo.cost.operators.multiply_accumulates import PRODUCTS, UNKNOWN_PRODUCTS
from keiryo.cost.operators.other_libraries import other_rule
from keiryo.cost.operators.work import Rule, aten, no_work, visits

_RULES = PRODUCTS | ELEMENT_WORK
# Whole families, by the beginnings or ends of their names: optimiser steps over lists of tensors,
# derivatives (those of products stand in the tables), PyTorch's own tests.
_VISITING_PREFIXES = ("_foreach_", "_fused_ad", "_fused_sgd", "_test_", "_foobar")
_VISITING_PARTS = ("_backward",)


@cache
def rule_for(operator: OpOverload) -> Rule | None:
    """Return the function that counts a call of `operator`; None if it is unknown."""
    if operator.namespace not in ("aten", "prim", "prims"):
        return other_rule(operator)
    if operator.namespace == "prims":
        return None if operator.overloadpacket.__name__ in ("svd",) else visits
    packet = operator.overloadpacket
    name = packet.__name__
    # The form that works in place has the name of the other with an underscore behind.
    for spelling in (packet, getattr(aten, name.rstrip("_"), packet)):
        if spelling in _RULES:
            return _RULES[spelling]
        if spelling in MOVES or spelling in REPETITIONS:
            return no_work
    if name.rstrip("_") in UNKNOWN_PRODUCTS:
        return None
    # A view, or the copy of one.
    if operator.is_view or name.endswith("_copy"):
        return no_work
    if name.startswith(_VISITING_PREFIXES) or any(part in name for part in _VISITING_PARTS):
        return visits
    if has_tag(operator, torch.Tag.pointwise) or has_tag(operator, torch.Tag.reduction):
        return visits
    return None


def is_composite(operator: OpOverload) -> bool:
    """Return True if `operator` is counted by the operators that PyTorch composes it of."""
    packet = operator.overloadpacket
    is_counted = packet in _RULES and packet not in COMPOSED
    if is_counted or packet in REPETITIONS or packet is aten._pad_circular:
        return False
    return operator._can_decompose()


@cache
def has_tag(operator: OpOverload, tag: torch.Tag) -> bool:
    """Return True if PyTorch tags any overload of `operator`, or of its form not in place.

    PyTorch tags some overloads of an operator and not others, and rarely the one that
    works in place (whose name ends in an underscore).
    """
    namespace = getattr(torch.ops, operator.namespace)
    name = operator.overloadpacket.__name__
    for spelling in (name, name.rstrip("_")):
        packet: Any = getattr(namespace, spelling, None)
        if packet is not None and any(
            tag in getattr(packet, overload).tags for overload in packet.overloads()
        ):
            return True
    return False
