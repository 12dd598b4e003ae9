"""A run of a module that records, layer by layer, what its operators really do."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from keiryo.cost.calls import LayerCall, RunError, Trace
from keiryo.cost.formula.kinds import RankError, check_rank
from keiryo.cost.formula.layers import Shape, formula_class
from keiryo.cost.inputs import Examples
from keiryo.cost.operators.decide import is_composite, rule_for
from keiryo.cost.operators.element_work import TRANSFORMS
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.operators.work import NOTHING, Rule, Work
from keiryo.cost.receptive_field.field import UNKNOWN, TensorField, input_field
from keiryo.cost.receptive_field.following import follow, keeps_field
from keiryo.cost.running.live_bytes import LiveBytes
from keiryo.cost.running.meta_copy import META
from keiryo.cost.running.scratch import Estimate, scratch_estimate
from keiryo.cost.running.shortcuts import SHORTCUTS, Shortcut
from keiryo.cost.running.units import FLOAT32_BYTES, element_bytes
from keiryo.errors import InputError

FIELD_ATTRIBUTE = "_keiryo_receptive_field"
FUSED_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
CONVOLUTION = torch.ops.aten.convolution.default
CONVOLUTIONS = frozenset(
    {
        torch.ops.aten.conv1d.default,
        torch.ops.aten.conv2d.default,
        torch.ops.aten.conv3d.default,
    }
)


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
    first = next((tensor for tensor in inputs if input_field(tensor.shape)), None)
    if first is not None and first.is_floating_point():
        setattr(first, FIELD_ATTRIBUTE, input_field(first.shape))
    # The fused encoder layer would hide the layers that it consists of.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    gradients = torch.no_grad if is_plain else torch.inference_mode
    try:
        with gradients(), recorder.attach(), _without_compiling(), recorder:
            outputs = network(*examples.positional, **examples.named)
    except Exception as error:
        raise recorder.run_error(error) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    recorder.result.output_shapes = _shapes((outputs,))
    recorder.result.peak_bytes = recorder.memory.peak
    return recorder.result


class _Units(dict[torch.dtype, int]):
    """The bytes of an element of each number format."""

    def __init__(self, real_bytes: int) -> None:
        super().__init__()
        self._real = real_bytes

    def __missing__(self, dtype: torch.dtype) -> int:
        self[dtype] = element_bytes(dtype, self._real)
        return self[dtype]


@contextmanager
def _without_compiling() -> Iterator[None]:
    """Let attention with functions of the user's own be run, not compiled, in this block.

    Not even a forward that was compiled is: the compiler would not hand its operators on.
    """
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
    """Sees every operator of a run, and the module it belongs to."""

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
        self._takes_shortcuts = takes_shortcuts
        self._unit = _Units(real_bytes)
        self._rules = rules
        self.memory = LiveBytes(real_bytes)
        self._weights = {
            id(tensor)
            for module in self.result.modules.values()
            for tensor in (*module._parameters.values(), *module._buffers.values())
        }
        self._network = network
        self._stack: list[LayerCall] = []
        self._layer: LayerCall | None = None  # the outermost layer that is being run
        self._error: Exception | None = None
        self._failed = LayerCall("", network, [])
        self._convolved_shapes: dict[Any, torch.Size] = {}

    @contextmanager
    def attach(self) -> Iterator[None]:
        """Record every call of a module until the block ends."""
        modules = self.result.modules
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
            starts_layer = is_layer and self._layer is None
            self._stack.append(call)
            try:
                if starts_layer:
                    self._layer = call
                    call.input_shapes = _shapes((*arguments, *named.values()))
                    check_rank(module, call.input_shapes)
                output = forward(*arguments, **named)
            except Exception as error:
                if error is not self._error:
                    self._error, self._failed = error, call
                    call.input_shapes = _shapes((*arguments, *named.values()))
                raise
            finally:
                # A forward may catch an error of another, and continue.
                self._stack.pop()
                if starts_layer:
                    self._layer = None
            # A layer that only returns its input (the identity, dropout, a view) has no row.
            if starts_layer and call.operators:
                made = [output] if isinstance(output, Tensor) else tensors_in((output,))
                call.output_shapes = [tuple(tensor.shape) for tensor in made]
                call.output_bytes = self._bytes(made)
                call.receptive_field = _field_of(made[0]) if made else None
                if own_rule is not None:
                    given = (*arguments, *named.values())
                    call.macs = own_rule(module, tensors_in(given), made)
                self.result.calls.append(call)
            return output

        return watched

    def run_error(self, error: Exception) -> RunError:
        """Return the error that names the innermost module whose forward raised."""
        call = self._failed
        is_rank = isinstance(error, RankError)
        return RunError(call.name, call.module, call.input_shapes, is_rank=is_rank)

    def _bytes(self, tensors: Sequence[Tensor]) -> int:
        return sum([tensor.numel() * self._unit[tensor.dtype] for tensor in tensors])

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            return self._run_higher_order(func, args, kwargs)
        operator = _operator_of(func)
        if func in CONVOLUTIONS and args[0].dim() == args[1].dim():
            # The operator that it consists of, found faster than by asking PyTorch.
            return self.__torch_dispatch__(CONVOLUTION, types, _convolution_arguments(args, kwargs))
        if operator.is_composite:
            # In inference mode PyTorch does not decompose it itself.
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = None
        if self._takes_shortcuts:
            result = self._run_weightless(func, operator, args, kwargs)
        if result is None:
            result = func(*args, **kwargs)
        self._note(func, operator, args, kwargs, result)
        return result

    def _run_higher_order(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operator that takes functions; those within it are not seen one by one."""
        name = func.name() if callable(getattr(func, "name", None)) else str(func)
        is_attention = name == "flex_attention"
        with _disable_current_modes():
            result = _attend_flexibly(args) if is_attention else func(*args, **kwargs)
        rule = rule_for(FUSED_ATTENTION) if is_attention else None
        made = [result] if isinstance(result, Tensor) else _tensors((result,))
        self._count(_Operator(name, rule=rule), args, kwargs, made, UNKNOWN)
        return result

    def _run_weightless(
        self, func: OpOverload, operator: "_Operator", args: Any, kwargs: Any
    ) -> Any:
        """Return the result of `func` on tensors without data; None: ask PyTorch."""
        if operator.makes_tensor and operator.shortcut is None:
            # A tensor that the forward makes without a device goes where the others are.
            return func(*args, **(kwargs | {"device": META}))
        if func is torch.ops.aten.lift_fresh.default:
            return torch.empty_like(args[0], device=META)
        if func is CONVOLUTION:
            return self._convolve(args)
        if operator.shortcut is None:
            return None
        try:
            return operator.shortcut(args, kwargs)
        except Exception:  # not one of the simple cases
            return None

    def _convolve(self, args: Any) -> Tensor:
        """Return a convolution's result; its shape is what PyTorch gave an earlier one like it."""
        source, weight, _, *options = args
        if not source.is_contiguous():
            return CONVOLUTION(*args)
        signature = (source.shape, weight.shape, str(options))
        if signature not in self._convolved_shapes:
            self._convolved_shapes[signature] = CONVOLUTION(*args).shape
        shape = self._convolved_shapes[signature]
        return torch.empty(shape, dtype=source.dtype, device=META)

    def _note(
        self, func: OpOverload, operator: "_Operator", args: Any, kwargs: Any, result: Any
    ) -> None:
        outputs = [result] if isinstance(result, Tensor) else _tensors((result,))
        field = self._follow(func, operator, args, kwargs, outputs)
        if self._rules.operators:
            own = self._rules.for_operator(func)
            operator = operator if own is None else replace(operator, rule=own)
        self._count(operator, args, kwargs, outputs, field)

    def _count(
        self,
        operator: "_Operator",
        args: Any,
        kwargs: Any,
        outputs: list[Tensor],
        field: TensorField,
    ) -> None:
        owner = self._layer or (self._stack[-1] if self._stack else None)
        place = owner.name if owner else ""
        macs, elements = self._work(operator, args, kwargs, outputs, place)
        given = _tensors(args) + _tensors(kwargs.values()) if kwargs else _tensors(args)
        new_bytes = 0
        if not operator.is_view:
            # A tensor that is only passed on (a weight, say) is not new.
            handed_on = {id(tensor) for tensor in given}
            for tensor in outputs:
                if id(tensor) not in handed_on:
                    new_bytes += self.memory.see(tensor)
        if operator.scratch is not None:
            at_once = self.memory.now + operator.scratch(args, outputs)
            self.result.scratch_peak_bytes = max(self.result.scratch_peak_bytes, at_once)
        if not (macs or elements or new_bytes):
            return
        call = self._layer
        if call is None:
            call = LayerCall(
                place,
                owner.module if owner else self._network,
                [tuple(tensor.shape) for tensor in given],
                operator=operator.name,
                output_shapes=[tuple(tensor.shape) for tensor in outputs[:1]],
                output_bytes=self._bytes(outputs[:1]),
                receptive_field=field,
            )
            self.result.calls.append(call)
        call.operators[operator.name] = call.operators.get(operator.name, 0) + 1
        call.macs += macs
        call.elements += elements
        unit = self._unit
        for tensor in outputs:
            call.bytes_moved += tensor.numel() * unit[tensor.dtype]
        for tensor in given:
            size = tensor.numel() * unit[tensor.dtype]
            call.bytes_moved += size
            if id(tensor) in self._weights:
                call.weight_bytes += size

    def _work(
        self, operator: "_Operator", args: Any, kwargs: Any, outputs: list[Tensor], place: str
    ) -> Work:
        """Return what the rule of `operator` counts; without one, note that it is unknown."""
        if operator.is_transform:
            calls = self.result.transforms
            calls[operator.name] = calls.get(operator.name, 0) + 1
        if operator.rule is not None:
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
        layer = self._layer
        if layer is None or self._rules.for_module(layer.module) is None:
            self.result.unknown_operators.setdefault(operator.name, {})[place] = None
        return NOTHING

    def _follow(
        self,
        func: OpOverload,
        operator: "_Operator",
        args: Any,
        kwargs: Any,
        outputs: Sequence[Tensor],
    ) -> TensorField:
        if not outputs:
            return None
        if operator.keeps_field:
            field = _field_of(args[0])
            if field is not None and field is not UNKNOWN:
                for tensor in outputs:
                    setattr(tensor, FIELD_ATTRIBUTE, field)
                return field
        else:
            arguments = dict(zip(operator.argument_names, args, strict=False)) | kwargs
            try:
                field = follow(func, arguments, outputs, _field_of)
            except Exception:  # a form of the operator that the rule does not know
                field = UNKNOWN
        fields = field if isinstance(field, list) else [field] * len(outputs)
        if operator.changes_first and fields[0] is not _field_of(args[0]):
            # Written into a part of a tensor, whose other views would not know.
            first = outputs[0]
            if first.numel() * first.element_size() < first.untyped_storage().nbytes():
                fields = [UNKNOWN] * len(outputs)
        if UNKNOWN in fields and self.result.unknown_at is None:
            owner = self._layer or (self._stack[-1] if self._stack else None)
            self.result.unknown_at = (owner.name if owner else "", operator.name)
        for tensor, one in zip(outputs, fields, strict=True):
            if one is not None:
                setattr(tensor, FIELD_ATTRIBUTE, one)
        return fields[0]


@dataclass(frozen=True)
class _Operator:
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
def _operator_of(func: OpOverload) -> _Operator:
    arguments = func._schema.arguments
    takes_tensors = [a.name for a in arguments if "Tensor" in str(a.type)]
    return _Operator(
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


def _attend_flexibly(args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return what flex_attention's shapes are: output, log of sums, largest scores."""
    query, _, value = args[:3]
    rows = query.new_zeros(query.shape[:-1], dtype=torch.float32)
    output = query.new_zeros((*query.shape[:-1], value.shape[-1]))
    return output, rows, torch.zeros_like(rows)


def _convolution_arguments(args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return the arguments of `convolution` for those of conv1d to conv3d, which may omit some."""
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = dict(zip(names, args, strict=False)) | kwargs
    axes = given["weight"].dim() - 2
    return (
        given["input"],
        given["weight"],
        given.get("bias"),
        given.get("stride", [1] * axes),
        given.get("padding", [0] * axes),
        given.get("dilation", [1] * axes),
        False,
        [0] * axes,
        given.get("groups", 1),
    )


def _shapes(values: Iterable[Any]) -> list[Shape]:
    return [tuple(tensor.shape) for tensor in tensors_in(values)]


def _field_of(tensor: Tensor) -> TensorField:
    return getattr(tensor, FIELD_ATTRIBUTE, None)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors in nested tuples, lists and dictionaries."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += _tensors(value.values())
        elif isinstance(value, (list, tuple)) and value:
            found += _tensors(value)
    return found


def tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """Return the tensors in nested collections, and in objects as layers may return them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += tensors_in(value.values())
        elif isinstance(value, (list, tuple)):
            found += tensors_in(value)
        elif is_dataclass(value) and not isinstance(value, type):
            found += tensors_in(vars(value).values() if hasattr(value, "__dict__") else ())
    return found
