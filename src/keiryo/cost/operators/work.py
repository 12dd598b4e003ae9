"""The work of one call of an operator, and how a rule counts it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

aten = torch.ops.aten


class Work(NamedTuple):
    """The work of one call of an operator; see `keiryo.cost.convention`."""

    macs: int = 0
    elements: int = 0


NOTHING = Work()
Rule = Callable[[Sequence[Any], Sequence[Tensor]], Work]


def no_work(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    """Count nothing: the operator computes nothing."""
    return NOTHING


def visits(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    """Count each element of the largest tensor read or written once."""
    largest = max((output.numel() for output in outputs), default=0)
    return Work(elements=max(largest, *_sizes(arguments)))


def visits_outputs(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
    """Count each element of the first result once."""
    return Work(elements=outputs[0].numel())


def _sizes(arguments: Sequence[Any]) -> list[int]:
    sizes = [0]
    for argument in arguments:
        if isinstance(argument, Tensor):
            sizes.append(argument.numel())
        elif isinstance(argument, (list, tuple)):
            sizes += _sizes(argument)
    return sizes


def packets(names: str, namespace: Any = aten) -> frozenset[Any]:
    """Return the operators of `namespace` with these names, separated by spaces.

    A name that this release of PyTorch lacks is left out.
    """
    found = (getattr(namespace, name, None) for name in names.split())
    return frozenset(packet for packet in found if packet is not None)


def by_rule(rule: Rule, names: str, namespace: Any = aten) -> dict[Any, Rule]:
    """Return a table with `rule` for each of the operators with these names."""
    return dict.fromkeys(packets(names, namespace), rule)
