"""A run of a module that records, layer by layer, what its operators really do."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _disable_current_modes,
    _pop_mode,
    _push_mode,
)

from keiryo.cost.calls import LayerCall, Trace
from keiryo.cost.inputs import Examples
from keiryo.cost.operators.decide import rule_for
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.operators.work import NOTHING, Work
from keiryo.cost.receptive_field.field import UNKNOWN, TensorField
from keiryo.cost.running.carried_fields import carry_on, field_of, hand_on, start_at_input
from keiryo.cost.running.known_calls import MOST_FIELDS, CallFacts, known_calls, signature
from keiryo.cost.running.known_units import Event, KnownUnits
from keiryo.cost.running.live_bytes import LiveBytes
from keiryo.cost.running.operator_table import Operator, operator_of, weightless_result
from keiryo.cost.running.tensors import ByteCount, shapes_in, tensors_among
from keiryo.cost.running.units import FLOAT32_BYTES
from keiryo.cost.running.watched_modules import WatchedModules
from keiryo.errors import InputError

COMPILER = "torch._dynamo"
REPEATED_COMPOSITES = frozenset({torch.ops.aten.matmul.default})
FUSED_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default


def trace(
    network: nn.Module,
    examples: Examples,
    *,
    is_plain: bool = False,
    real_bytes: int = FLOAT32_BYTES,
    rules: Rules | None = None,
    modules: dict[str, nn.Module] | None = None,
) -> Trace:
    """Run `network`, which is in evaluation mode, on `examples` once and return the record.

    With `is_plain` PyTorch is asked for every result, and a forward may ask for gradients. A
    floating-point number counts as `real_bytes`. `rules` of the user's own go before keiryo's.
    `modules` are those of the network, by their names, if they are known already.
    Raises RunError from any error that the forward raised.
    """
    inputs = examples.tensors
    recorder = _Recorder(
        network,
        takes_shortcuts=not is_plain and all(tensor.is_meta for tensor in inputs) and inputs != [],
        real_bytes=real_bytes,
        rules=rules or Rules(),
        modules=dict(network.named_modules()) if modules is None else modules,
    )
    for tensor in inputs:
        recorder.memory.see(tensor)
    start_at_input(inputs)
    # The fused encoder layer would hide the layers that it consists of.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    gradients = torch.no_grad if is_plain else torch.inference_mode
    try:
        with gradients(), recorder.watched.attach(), _without_compiling(), recorder:
            outputs = network(*examples.positional, **examples.named)
    except Exception as error:
        raise recorder.watched.run_error(network, error) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    recorder.result.output_shapes = shapes_in((outputs,))
    recorder.result.peak_bytes = recorder.memory.peak
    return recorder.result


@contextmanager
def _without_compiling() -> Iterator[None]:
    """Let attention with functions of the user's own be run, not compiled, in this block.

    Not even a forward that was compiled is: the compiler would not hand its operators on.
    """
    with ExitStack() as stack:
        if COMPILER in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        # A library may compile a function when it first calls it, as torchvision does.
        stack.callback(setattr, torch, "compile", torch.compile)
        torch.compile = _compile_nothing  # pyright: ignore
        stack.enter_context(_with_attention_as_it_is())
        yield


def _compile_nothing(model: Any = None, **options: Any) -> Any:
    return (lambda function: function) if model is None else model


@contextmanager
def _with_attention_as_it_is() -> Iterator[None]:
    flexible = sys.modules.get("torch.nn.attention.flex_attention")
    switch = "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG"
    was_on = getattr(flexible, switch, None)
    if was_on is None:
        yield
        return
    setattr(flexible, switch, True)
    try:
        yield
    finally:
        setattr(flexible, switch, was_on)


class _Recorder(TorchDispatchMode):
    """Sees every operator of a run, and counts it for the module it belongs to."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and guarding against it would load the compiler (a second).
        return False

    def __init__(
        self,
        network: nn.Module,
        *,
        takes_shortcuts: bool,
        real_bytes: int,
        rules: Rules,
        modules: dict[str, nn.Module],
    ) -> None:
        super().__init__()
        self.result = Trace(modules=modules)
        self.memory = LiveBytes(real_bytes)
        self._bytes = ByteCount(real_bytes)
        self._takes_shortcuts = takes_shortcuts
        self._rules = rules
        self._known = known_calls(real_bytes)
        # Held here, since a forward may replace one, and another tensor could get its id.
        self._weights = {
            id(tensor): tensor
            for module in modules.values()
            for tensor in (*module._parameters.values(), *module._buffers.values())
        }
        self._network = network
        self._has_compiler = COMPILER in sys.modules
        self._events: list[Event] = []
        # Rules of the user's own may count anything anew.
        self._units = None
        if takes_shortcuts and not rules.operators:
            self._units = KnownUnits(real_bytes, self._weights, self._events, self._count)
        self.watched = WatchedModules(self.result, rules, self._bytes, self._units)

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            return self._run_higher_order(func, args, kwargs)
        operator = operator_of(func)
        while operator.simpler is not None:
            simpler = operator.simpler(args, kwargs)
            if simpler is None:
                break
            (func, args), kwargs = simpler, {}
            operator = operator_of(func)
        if operator.is_composite:
            result = self._run_composite(func, args, kwargs)
            if result is not NotImplemented:
                return result
        given: list[Tensor] = []
        key = facts = result = None
        if self._units is not None:
            key = signature(func, args, kwargs, given)
            facts = self._known.get(key) if key is not None else None
        if facts is not None and facts.results is not None:
            result = facts.new_results()
        elif self._takes_shortcuts:
            result = weightless_result(func, operator, args, kwargs)
        if result is None:
            result = self._ask_pytorch(func, args, kwargs)
        outputs = [result] if isinstance(result, Tensor) else tensors_among((result,))
        if key is None:
            given = tensors_among(args)
            if kwargs:
                given += tensors_among(kwargs.values())
        if facts is None:
            own = self._rules.for_operator(func) if self._rules.operators else None
            counted = operator if own is None else replace(operator, rule=own)
            facts = self._find_out(counted, args, kwargs, given, outputs)
            if key is not None:
                facts.remember_results(operator, given, result)
                self._known[key] = facts
        fields = self._carry_on(operator, facts, args, kwargs, given, outputs)
        if not facts.is_idle:
            self._count(operator, facts, given, outputs, fields[0] if fields else None)
        return result

    def _ask_pytorch(self, func: OpOverload, args: Any, kwargs: Any) -> Any:
        if self._has_compiler:
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if COMPILER in sys.modules:
            self._has_compiler = True
            # PyTorch loads its compiler at the first operator that it computes in Python, which
            # leaves tracebacks in a cycle that hold the arguments, and these would count as alive.
            gc.collect()
        return result

    def _run_composite(self, func: OpOverload, args: Any, kwargs: Any) -> Any:
        """Run the operators that `func` consists of; NotImplemented if it consists of none."""
        key, given = None, []
        if self._units is not None and func in REPEATED_COMPOSITES:
            key = signature(func, args, kwargs, given)
            known = None if key is None else self._units.repeat(key, given)
            if known is not None:
                return known
        before, mark = [field_of(tensor) for tensor in given], len(self._events)
        # In inference mode PyTorch does not decompose it itself.
        _push_mode(self)
        try:
            result = func.decompose(*args, **kwargs)
        finally:
            _pop_mode()
        if key is not None and self._units is not None:
            self._units.learn(key, given, before, mark, result)
        return result

    def _run_higher_order(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator that takes functions; those within it are not seen one by one."""
        name = func.name() if callable(getattr(func, "name", None)) else str(func)
        is_attention = name == "flex_attention"
        with _disable_current_modes():
            result = _attend_flexibly(args) if is_attention else func(*args, **kwargs)
        operator = Operator(name, rule=rule_for(FUSED_ATTENTION) if is_attention else None)
        made = [result] if isinstance(result, Tensor) else tensors_among((result,))
        given = tensors_among((args, kwargs))
        facts = self._find_out(operator, args, kwargs, given, made)
        self._count(operator, facts, given, made, UNKNOWN)
        return result

    def _find_out(
        self, operator: Operator, args: Any, kwargs: Any, given: list[Tensor], outputs: list[Tensor]
    ) -> CallFacts:
        """Return what a call with these arguments costs, wherever it stands."""
        facts = CallFacts()
        facts.work = self._work(operator, args, kwargs, outputs)
        if operator.scratch is not None:
            facts.scratch = operator.scratch(args, outputs)
        unit = self._bytes.unit
        facts.sizes = [tensor.numel() * unit[tensor.dtype] for tensor in given]
        facts.output_sizes = [tensor.numel() * unit[tensor.dtype] for tensor in outputs]
        facts.moved = sum(facts.sizes) + sum(facts.output_sizes)
        facts.is_idle = (
            operator.is_view
            and operator.scratch is None
            and not operator.is_transform
            and facts.work == NOTHING
        )
        facts.input_shapes = [tuple(tensor.shape) for tensor in given]
        facts.output_shapes = [tuple(tensor.shape) for tensor in outputs[:1]]
        return facts

    def _carry_on(
        self,
        operator: Operator,
        facts: CallFacts,
        args: Any,
        kwargs: Any,
        given: list[Tensor],
        outputs: list[Tensor],
    ) -> Sequence[TensorField]:
        """Let the results carry their receptive fields, and return these."""
        if operator.changes_first or operator.keeps_field:
            fields = carry_on(operator, args, kwargs, outputs)
        else:
            before = [field_of(tensor) for tensor in given]
            key = tuple(map(id, before))
            known = facts.fields.get(key)
            if known is None:
                fields = carry_on(operator, args, kwargs, outputs)
                if len(facts.fields) < MOST_FIELDS:
                    facts.fields[key] = (before, fields)
            else:
                fields = known[1]
                hand_on(fields, outputs)
        if UNKNOWN in fields and self.result.unknown_at is None:
            owner = self.watched.owner
            self.result.unknown_at = (owner.name if owner else "", operator.name)
        return fields

    def _count(
        self,
        operator: Operator,
        facts: CallFacts,
        given: Sequence[Tensor],
        outputs: Sequence[Tensor],
        field: TensorField,
    ) -> None:
        """Add a call with these `facts` to the layer that is being run."""
        macs, elements = self._known_work(operator, facts)
        new_bytes = 0
        if not operator.is_view:
            # A tensor that is only passed on (a weight, say) is not new.
            handed_on = {id(tensor) for tensor in given}
            for tensor in outputs:
                if id(tensor) not in handed_on:
                    new_bytes += self.memory.see(tensor)
        if operator.scratch is not None:
            at_once = self.memory.now + facts.scratch
            self.result.scratch_peak_bytes = max(self.result.scratch_peak_bytes, at_once)
        elif not (macs or elements or new_bytes):
            return
        weight_bytes = facts.weight_bytes
        for tensor, size in zip(given, facts.sizes, strict=True):
            if id(tensor) in self._weights:
                weight_bytes += size
        storage = outputs[0].untyped_storage()._cdata if len(outputs) == 1 and new_bytes else None
        self._events.append(Event(operator, facts, weight_bytes, storage))
        if not (macs or elements or new_bytes):
            return
        call = self.watched.layer
        if call is None:
            owner = self.watched.owner
            call = LayerCall(
                owner.name if owner else "",
                owner.module if owner else self._network,
                facts.input_shapes,
                operator=operator.name,
                output_shapes=facts.output_shapes,
                output_bytes=sum(facts.output_sizes[:1]),
                receptive_field=field,
            )
            self.result.calls.append(call)
        call.operators[operator.name] = call.operators.get(operator.name, 0) + 1
        call.macs += macs
        call.elements += elements
        call.bytes_moved += facts.moved
        call.weight_bytes += weight_bytes

    def _known_work(self, operator: Operator, facts: CallFacts) -> Work:
        """Return the work of a call; if its operator is unknown, note where it was run."""
        if operator.is_transform:
            calls = self.result.transforms
            calls[operator.name] = calls.get(operator.name, 0) + 1
        if facts.work is not None:
            return facts.work
        layer = self.watched.layer
        if layer is None or self._rules.for_module(layer.module) is None:
            owner = self.watched.owner
            place = owner.name if owner else ""
            self.result.unknown_operators.setdefault(operator.name, {})[place] = None
        return NOTHING

    def _work(
        self, operator: Operator, args: Any, kwargs: Any, outputs: list[Tensor]
    ) -> Work | None:
        """Return what the rule of `operator` counts; None without one."""
        if operator.rule is None:
            return None
        if kwargs and operator.argument_names:
            args = [
                *args,
                *(kwargs.get(name) for name in operator.argument_names[len(args) :]),
            ]
        try:
            return operator.rule(args, outputs)
        except InputError:
            raise
        except Exception as error:
            if self._rules.for_operator_name(operator.name) is not None:
                raise InputError(
                    f"rule for {operator.name}: failed with {type(error).__name__}: {error}"
                ) from error
        return None


def _attend_flexibly(args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return what flex_attention's shapes are: output, log of sums, largest scores."""
    query, _, value = args[:3]
    rows = query.new_zeros(query.shape[:-1], dtype=torch.float32)
    output = query.new_zeros((*query.shape[:-1], value.shape[-1]))
    return output, rows, torch.zeros_like(rows)
