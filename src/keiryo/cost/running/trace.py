"""A run of a module that records, layer by layer, what its operators really do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from keiryo.cost.calls import LayerCall, RunError, Trace
from keiryo.cost.formula.kinds import check_rank
from keiryo.cost.formula.layers import Shape, formula_class
from keiryo.cost.operators import NOTHING, Rule, is_composite, rule_for
from keiryo.cost.receptive_field.field import UNKNOWN, TensorField, input_field
from keiryo.cost.receptive_field.following import follow, keeps_field
from keiryo.cost.running.live_bytes import LiveBytes
from keiryo.cost.running.meta_copy import META
from keiryo.cost.running.shortcuts import SHORTCUTS, Shortcut

FIELD_ATTRIBUTE = "_keiryo_receptive_field"
CONVOLUTION = torch.ops.aten.convolution.default
CONVOLUTIONS = frozenset(
    {
        torch.ops.aten.conv1d.default,
        torch.ops.aten.conv2d.default,
        torch.ops.aten.conv3d.default,
    }
)


def trace(network: nn.Module, inputs: Sequence[Tensor]) -> Trace:
    """Run `network`, which is in evaluation mode, on `inputs` once and return the record.

    Raises RunError from any error that the forward raised.
    """
    recorder = _Recorder(network, weightless=any(tensor.is_meta for tensor in inputs))
    for tensor in inputs:
        recorder.memory.see(tensor.untyped_storage())
    first = next((tensor for tensor in inputs if input_field(tensor.shape)), None)
    if first is not None and first.is_floating_point():
        setattr(first, FIELD_ATTRIBUTE, input_field(first.shape))
    # The fused encoder layer would hide the layers that it consists of.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(), recorder.attach(), recorder:
            outputs = network(*inputs)
    except Exception as error:
        raise recorder.run_error() from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    recorder.result.output_shapes = _shapes((outputs,))
    recorder.result.peak_bytes = recorder.memory.peak
    return recorder.result


class _Recorder(TorchDispatchMode):
    """Sees every operator of a run, and the module it belongs to."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and guarding against it would load the compiler (a second).
        return False

    def __init__(self, network: nn.Module, *, weightless: bool) -> None:
        super().__init__()
        self.result = Trace(modules=dict(network.named_modules()))
        self._weightless = weightless
        self.memory = LiveBytes()
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
        is_layer = is_layer or formula_class(type(module)) is not None

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
                made = [output] if isinstance(output, Tensor) else _tensors((output,))
                call.output_shapes = [tuple(tensor.shape) for tensor in made]
                call.receptive_field = _field_of(made[0]) if made else None
                self.result.calls.append(call)
            return output

        return watched

    def run_error(self) -> RunError:
        """Return the error that names the innermost module whose forward raised."""
        call = self._failed
        return RunError(call.name, call.module, call.input_shapes)

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
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
        result = self._run_weightless(func, operator, args, kwargs) if self._weightless else None
        if result is None:
            result = func(*args, **kwargs)
        self._note(func, operator, args, kwargs, result)
        return result

    def _run_weightless(
        self, func: OpOverload, operator: "_Operator", args: Any, kwargs: Any
    ) -> Any:
        """Return the result of `func` on tensors without data; None: ask PyTorch."""
        if operator.makes_tensor:
            # A tensor that the forward makes without a device goes where the others are.
            return func(*args, **(kwargs | {"device": META}))
        if func is torch.ops.aten.lift_fresh.default:
            return torch.empty_like(args[0], device=META)
        if func is CONVOLUTION:
            return self._convolve(args)
        return None if operator.shortcut is None else operator.shortcut(args, kwargs)

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
        owner = self._layer or (self._stack[-1] if self._stack else None)
        place = owner.name if owner else ""
        if operator.rule is None:
            self.result.unknown_operators.setdefault(operator.name, place)
        macs, elements = NOTHING if operator.rule is None else operator.rule(args, outputs)
        field = self._follow(func, operator, args, kwargs, outputs, place)
        given = _tensors(args) + _tensors(kwargs.values()) if kwargs else _tensors(args)
        new_bytes = 0
        if not operator.is_view:
            # A tensor that is only passed on (a weight, say) is not new.
            handed_on = {id(tensor) for tensor in given}
            for tensor in outputs:
                if id(tensor) not in handed_on:
                    new_bytes += self.memory.see(tensor.untyped_storage())
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
                receptive_field=field,
            )
            self.result.calls.append(call)
        call.operators[operator.name] = call.operators.get(operator.name, 0) + 1
        call.macs += macs
        call.elements += elements
        for tensor in outputs:
            call.bytes_moved += tensor.numel() * tensor.element_size()
        for tensor in given:
            size = tensor.numel() * tensor.element_size()
            call.bytes_moved += size
            if id(tensor) in self._weights:
                call.weight_bytes += size

    def _follow(
        self,
        func: OpOverload,
        operator: "_Operator",
        args: Any,
        kwargs: Any,
        outputs: Sequence[Tensor],
        place: str,
    ) -> TensorField:
        if not outputs:
            return None
        if operator.keeps_field:
            field = _field_of(args[0])
        else:
            arguments = dict(zip(operator.argument_names, args, strict=False)) | kwargs
            field = follow(func, arguments, outputs, _field_of)
        if field is UNKNOWN and self.result.unknown_at is None:
            self.result.unknown_at = (place, operator.name)
        if field is not None:
            for tensor in outputs:
                setattr(tensor, FIELD_ATTRIBUTE, field)
        return field


@dataclass(frozen=True)
class _Operator:
    """The way an operator is counted and followed."""

    name: str
    is_composite: bool
    rule: Rule | None
    shortcut: Shortcut | None
    argument_names: list[str]
    is_view: bool
    keeps_field: bool  # the output has the first argument's receptive field
    makes_tensor: bool


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
        makes_tensor=not takes_tensors and any(a.name == "device" for a in arguments),
    )


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
    return [tuple(tensor.shape) for tensor in _tensors(values)]


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
        elif isinstance(value, (list, tuple)) and value and not isinstance(value[0], int):
            found += _tensors(value)
    return found
