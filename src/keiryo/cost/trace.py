"""Running a module and noting, layer by layer, what its operators really do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from keiryo.cost.field_following import follow
from keiryo.cost.layers import LayerFormula, Shape, check_rank, formula_class, layer_formula
from keiryo.cost.memory import LiveBytes
from keiryo.cost.operators import NOTHING, Rule, Work, rule_for
from keiryo.cost.receptive_field import LOST, Known, input_field

FIELD_ATTRIBUTE = "_keiryo_receptive_field"


@dataclass
class OperatorCall:
    """What one call of an operator did."""

    operator: str
    work: Work
    bytes_moved: int
    weight_bytes: int  # of these, those of weights


@dataclass
class LayerCall:
    """One call of a layer, or of an operator that stands in a module's own forward."""

    name: str
    module: nn.Module
    operator: str | None = None
    input_shapes: list[Shape] = field(default_factory=list)
    output_shapes: list[Shape] = field(default_factory=list)
    operators: list[OperatorCall] = field(default_factory=list)
    formula: LayerFormula | None = None
    receptive_field: Known = None

    @property
    def macs(self) -> int:
        return sum(call.work.macs for call in self.operators)

    @property
    def elements(self) -> int:
        return sum(call.work.elements for call in self.operators)


@dataclass
class Trace:
    """All calls of a run in their order, and what it held at the most."""

    calls: list[LayerCall] = field(default_factory=list)
    unknown_operators: dict[str, str] = field(default_factory=dict)  # operator to where it stood
    peak_bytes: int = 0
    output_shapes: list[Shape] = field(default_factory=list)
    lost_at: tuple[str, str] | None = None  # module and operator past which no field is known


class RunError(Exception):
    """The module's forward raised; `module_name` and `module` are where."""

    def __init__(self, name: str, module: nn.Module, shapes: list[Shape]) -> None:
        super().__init__(name)
        self.module_name = name
        self.module = module
        self.input_shapes = shapes


def trace(network: nn.Module, inputs: Sequence[Tensor]) -> Trace:
    """Run `network`, which is in evaluation mode, on `inputs` once and return what it did.

    Raises RunError, caused by whatever the forward raised.
    """
    recorder = _Recorder(network)
    for tensor in inputs:
        recorder.memory.see(tensor)
    first = next((tensor for tensor in inputs if input_field(tensor.shape)), None)
    if first is not None and first.is_floating_point():
        setattr(first, FIELD_ATTRIBUTE, input_field(first.shape))
    # Inference mode would hide what operators are made of; a fused attention too.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(False), torch.no_grad(), recorder.attached(), recorder:
            outputs = network(*inputs)
    except Exception as error:
        raise recorder.where_it_stood() from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    recorder.result.output_shapes = [tuple(tensor.shape) for tensor in _tensors(outputs)]
    recorder.result.peak_bytes = recorder.memory.peak
    return recorder.result


class _Recorder(TorchDispatchMode):
    """Sees every operator, and by hooks which module it belongs to."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.result = Trace()
        self.memory = LiveBytes([*network.parameters(), *network.buffers()])
        self._network = network
        self._stack: list[LayerCall] = []
        self._layer: LayerCall | None = None  # the outermost layer that is being run
        self._rules: dict[OpOverload, Rule | None] = {}
        self._argument_names: dict[OpOverload, list[str]] = {}

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Hook into all modules until the block ends."""
        handles = []
        try:
            for name, module in self._network.named_modules():
                handles.append(
                    module.register_forward_pre_hook(
                        lambda module, arguments, named, name=name: self._enter(
                            name, module, (arguments, named)
                        ),
                        with_kwargs=True,
                    )
                )
                handles.append(
                    module.register_forward_hook(
                        lambda module, arguments, output: self._leave(output)
                    )
                )
            yield
        finally:
            for handle in handles:
                handle.remove()

    def where_it_stood(self) -> RunError:
        """Return the error that names the innermost module whose forward did not end."""
        innermost = self._stack[-1] if self._stack else LayerCall("", self._network)
        return RunError(innermost.name, innermost.module, innermost.input_shapes)

    def _enter(self, name: str, module: nn.Module, arguments: Any) -> None:
        given = list(_tensors(arguments))
        call = LayerCall(name, module, input_shapes=[tuple(tensor.shape) for tensor in given])
        self._stack.append(call)
        check_rank(module, call.input_shapes)
        if self._layer is None and self._is_layer(name, module):
            call.formula = layer_formula(module, call.input_shapes)
            self._layer = call

    def _leave(self, output: Any) -> None:
        call = self._stack.pop()
        if call is not self._layer:
            return
        self._layer = None
        made = list(_tensors(output))
        call.output_shapes = [tuple(tensor.shape) for tensor in made]
        call.receptive_field = _field_of(made[0]) if made else None
        # One that only hands its input on (the identity, dropout, a view) is no row.
        if call.operators or next(call.module.parameters(), None) is not None:
            self.result.calls.append(call)

    def _is_layer(self, name: str, module: nn.Module) -> bool:
        if formula_class(module) is not None:
            return True
        return name != "" and next(module.children(), None) is None

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in self._rules:
            self._rules[func] = rule_for(func)
            self._argument_names[func] = [a.name for a in func._schema.arguments]
        rule = self._rules[func]
        if rule is None and func._can_decompose():
            # As under inference mode: it is made of operators that may be known.
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        self._note(func, rule, args, kwargs, result)
        return result

    def _note(self, func: OpOverload, rule: Rule | None, args: Any, kwargs: Any, out: Any) -> None:
        outputs = list(_tensors(out))
        owner = self._layer or (self._stack[-1] if self._stack else None)
        name = owner.name if owner else ""
        operator = f"{func.namespace}.{func.overloadpacket.__name__}"
        if rule is None:
            self.result.unknown_operators.setdefault(operator, name)
        work = NOTHING if rule is None else rule(args, outputs)
        arguments = dict(zip(self._argument_names[func], args, strict=False)) | kwargs
        known = follow(func, arguments, outputs, _field_of)
        if known is LOST and self.result.lost_at is None:
            self.result.lost_at = (name, operator)
        for tensor in outputs:
            setattr(tensor, FIELD_ATTRIBUTE, known)
        new_bytes = sum([self.memory.see(tensor) for tensor in outputs])
        writes = work.macs > 0 or work.elements > 0 or new_bytes > 0
        if not writes:
            return
        read = [
            (tensor.nbytes, self.memory.is_apart(tensor)) for tensor in _tensors((args, kwargs))
        ]
        written = sum(tensor.nbytes for tensor in outputs)
        call = OperatorCall(
            operator,
            work,
            bytes_moved=sum(size for size, _ in read) + written,
            weight_bytes=sum(size for size, is_weight in read if is_weight),
        )
        if self._layer is not None:
            self._layer.operators.append(call)
            return
        module = owner.module if owner else self._network
        self.result.calls.append(
            LayerCall(
                name=name,
                module=module,
                operator=operator,
                input_shapes=[tuple(tensor.shape) for tensor in _tensors((args, kwargs))],
                output_shapes=[tuple(tensor.shape) for tensor in outputs[:1]],
                operators=[call],
                receptive_field=known,
            )
        )


def _field_of(tensor: Tensor) -> Known:
    return getattr(tensor, FIELD_ATTRIBUTE, None)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
