"""Rules of the user's own, for operators and modules that keiryo does not know."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch._ops import OpOverload, OpOverloadPacket

from keiryo.cost.operators.work import Rule, Work
from keiryo.errors import InputError

# From the tensors that go in and come out to a number of multiply-accumulates. The rule of an
# operator is given all its arguments, that of a module the module first.
OwnRule = Callable[..., int]


class Rules:
    """The rules that a user gave, by operator ("library::name", or as an object) or class."""

    def __init__(self, rules: Mapping[Any, OwnRule] | None = None) -> None:
        self.operators: dict[str, Rule] = {}
        self._modules: dict[type[nn.Module], OwnRule] = {}
        for target, rule in (rules or {}).items():
            if not callable(rule):
                raise InputError(f"rules: the rule for {target} is no function")
            if isinstance(target, type) and issubclass(target, nn.Module):
                self._modules[target] = rule
            else:
                self.operators[_operator_name(target)] = _as_rule(rule)

    def for_operator(self, operator: OpOverload) -> Rule | None:
        """Return the user's rule for `operator`; None if there is none."""
        return self.for_operator_name(f"{operator.namespace}.{operator.overloadpacket.__name__}")

    def for_operator_name(self, name: str) -> Rule | None:
        """Return the user's rule for the operator called "library.name"; None without one."""
        return self.operators.get(name)

    def for_module(self, module: nn.Module) -> Callable[..., int] | None:
        """Return the user's rule for modules of the class of `module`; None without one."""
        for kind in type(module).__mro__ if self._modules else ():
            if kind in self._modules:
                return self._modules[kind]
        return None


def _operator_name(target: Any) -> str:
    if isinstance(target, OpOverload):
        target = target.overloadpacket
    if isinstance(target, OpOverloadPacket):
        return target._qualified_op_name.replace("::", ".")
    if isinstance(target, str) and target.count("::") == 1:
        return target.split(".")[0].replace("::", ".")
    raise InputError(
        f"rules: {target!r} is neither an operator of PyTorch (torch.ops.library.name or "
        '"library::name") nor a class of modules'
    )


def _as_rule(own: OwnRule) -> Rule:
    def rule(arguments: Sequence[Any], outputs: Sequence[Tensor]) -> Work:
        macs = own(arguments, outputs)
        if isinstance(macs, bool) or not isinstance(macs, int) or macs < 0:
            raise InputError(
                f"rules: a rule returns a whole number of multiply-accumulates, not {macs!r}"
            )
        return Work(macs)

    return rule
