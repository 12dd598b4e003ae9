"""The modules of a network, watched while they are called."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from keiryo.cost.calls import LayerCall, RunError, Trace
from keiryo.cost.formula.kinds import RankError, check_rank
from keiryo.cost.formula.layers import formula_class
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.running.carried_fields import field_of
from keiryo.cost.running.known_units import KnownUnits
from keiryo.cost.running.tensors import ByteCount, shapes_in, tensors_in


class WatchedModules:
    """Records the calls of layers in a `Trace`, and knows which module is being run."""

    def __init__(
        self, record: Trace, rules: Rules, bytes_of: ByteCount, units: KnownUnits | None
    ) -> None:
        self.layer: LayerCall | None = None  # the outermost layer that is being run
        self._record = record
        self._rules = rules
        self._bytes = bytes_of
        self._units = units
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
                if not self._does_nothing(module):
                    vars(module)["forward"] = self._watch(name, module)
            yield
        finally:
            for module, forward in zip(modules.values(), own, strict=True):
                vars(module).pop("forward", None)
                if forward is not None:
                    vars(module)["forward"] = forward

    def _does_nothing(self, module: nn.Module) -> bool:
        is_identity = type(module) is nn.Identity and "forward" not in vars(module)
        return is_identity and self._rules.for_module(module) is None

    def _watch(self, name: str, module: nn.Module) -> Callable[..., Any]:
        # Not by hooks: they slow each call down, and are skipped where a module's forward is
        # called by its name.
        forward = module.forward
        is_layer = name != "" and not module._modules
        own_rule = self._rules.for_module(module)
        is_layer = is_layer or formula_class(type(module)) is not None or own_rule is not None
        if not is_layer:
            return self._watch_holder(LayerCall(name, module, []), forward)

        def watched(*arguments: Any, **named: Any) -> Any:
            call = LayerCall(name, module, [])
            starts_layer = self.layer is None
            self._stack.append(call)
            try:
                if starts_layer:
                    self.layer = call
                    call.input_shapes = shapes_in((*arguments, *named.values()))
                    check_rank(module, call.input_shapes)
                output = forward(*arguments, **named)
            except Exception as error:
                self._note_error(error, call, (*arguments, *named.values()))
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

        if self._units is None or own_rule is not None or not self._units.knows(module):
            return watched
        return self._watch_known(name, module, self._units, watched)

    def _watch_holder(self, call: LayerCall, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Return the `forward` of a module that has no row of its own, and is told by `call`."""

        def watched(*arguments: Any, **named: Any) -> Any:
            self._stack.append(call)
            try:
                return forward(*arguments, **named)
            except Exception as error:
                self._note_error(error, call, (*arguments, *named.values()))
                raise
            finally:
                self._stack.pop()

        return watched

    def _note_error(self, error: Exception, call: LayerCall, given: Sequence[Any]) -> None:
        if error is not self._error:
            self._error, self._failed = error, call
            call.input_shapes = shapes_in(given)

    def _watch_known(
        self, name: str, module: nn.Module, units: KnownUnits, run: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Return a forward for one of PyTorch's own layers that is `run` if it must be."""

        def watched(*arguments: Any, **named: Any) -> Any:
            if named or len(arguments) != 1:
                return run(*arguments, **named)
            source = arguments[0]
            key = units.signature(module, source)
            if key is None:
                return run(source)
            if self.layer is None:
                self.layer = call = LayerCall(name, module, [])
                result = units.repeat(key, arguments)
                self.layer = None
                if result is not None:
                    if call.operators:
                        call.input_shapes = [tuple(source.shape)]
                        call.output_shapes = [tuple(result.shape)]
                        call.output_bytes = result.numel() * self._bytes.unit[result.dtype]
                        call.receptive_field = field_of(result)
                        self._record.calls.append(call)
                    return result
            elif (result := units.repeat(key, arguments)) is not None:
                return result
            before, mark = [field_of(source)], units.mark()
            result = run(source)
            units.learn(key, arguments, before, mark, result)
            return result

        return watched

    def run_error(self, network: nn.Module, error: Exception) -> RunError:
        """Return the error that names the innermost module whose forward raised."""
        call = self._failed or LayerCall("", network, [])
        is_rank = isinstance(error, RankError)
        return RunError(call.name, call.module, call.input_shapes, is_rank=is_rank)
