"""The modules of a network, watched while they are called."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from keiryo.cost.calls import LayerCall, RunError, Trace
from keiryo.cost.formula.kinds import RankError, check_rank
from keiryo.cost.formula.layers import formula_class
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.running.carried_fields import field_of
from keiryo.cost.running.tensors import ByteCount, shapes_in, tensors_in


class WatchedModules:
    """Records the calls of layers in a `Trace`, and knows which module is being run."""

    def __init__(self, record: Trace, rules: Rules, bytes_of: ByteCount) -> None:
        self.layer: LayerCall | None = None  # the outermost layer that is being run
        self._record = record
        self._rules = rules
        self._bytes = bytes_of
        self._stack: list[LayerCall] = []
        self._error: Exception | None = None
        self._failed: LayerCall | None = None

    @property
    def owner(self) -> LayerCall | None:
        """The layer that is being run, or else the innermost module."""
        return self.layer or (self._stack[-1] if self._stack else None)

    @contextmanager
    def attach(self) -> Iterator[None]:
        """Record every call of a module until the block ends."""
        modules = self._record.modules
        own = [vars(module).get("forward") for module in modules.values()]
        try:
            for name, module in modules.items():
                vars(module)["forward"] = self._watch(name, module)
            yield
        finally:
            for module, forward in zip(modules.values(), own, strict=True):
                del vars(module)["forward"]
                if forward is not None:
                    vars(module)["forward"] = forward

    def _watch(self, name: str, module: nn.Module) -> Callable[..., Any]:
        # Not by hooks: they slow each call down, and are skipped where a module's forward is
        # called by its name.
        forward = module.forward
        is_layer = name != "" and not module._modules
        own_rule = self._rules.for_module(module)
        is_layer = is_layer or formula_class(type(module)) is not None or own_rule is not None

        def watched(*arguments: Any, **named: Any) -> Any:
            call = LayerCall(name, module, [])
            starts_layer = is_layer and self.layer is None
            self._stack.append(call)
            try:
                if starts_layer:
                    self.layer = call
                    call.input_shapes = shapes_in((*arguments, *named.values()))
                    check_rank(module, call.input_shapes)
                output = forward(*arguments, **named)
            except Exception as error:
                if error is not self._error:
                    self._error, self._failed = error, call
                    call.input_shapes = shapes_in((*arguments, *named.values()))
                raise
            finally:
                # A forward may catch an error of another, and continue.
                self._stack.pop()
                if starts_layer:
                    self.layer = None
            # A layer that only returns its input (the identity, dropout, a view) has no row.
            if starts_layer and call.operators:
                made = [output] if isinstance(output, Tensor) else tensors_in((output,))
                call.output_shapes = [tuple(tensor.shape) for tensor in made]
                call.output_bytes = self._bytes.of(made)
                call.receptive_field = field_of(made[0]) if made else None
                if own_rule is not None:
                    given = (*arguments, *named.values())
                    call.macs = own_rule(module, tensors_in(given), made)
                self._record.calls.append(call)
            return output

        return watched

    def run_error(self, network: nn.Module, error: Exception) -> RunError:
        """Return the error that names the innermost module whose forward raised."""
        call = self._failed or LayerCall("", network, [])
        is_rank = isinstance(error, RankError)
        return RunError(call.name, call.module, call.input_shapes, is_rank=is_rank)
