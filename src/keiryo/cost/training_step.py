"""The cost of a step of training: the backward pass, and the memory that is kept for it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from keiryo.cost.attempts import is_waiting_for_sizes, with_sizes
from keiryo.cost.inputs import Given
from keiryo.cost.operators.decide import rule_for
from keiryo.cost.running.meta_copy import weightless_copy
from keiryo.cost.running.tensors import tensors_in
from keiryo.cost.running.units import element_bytes
from keiryo.errors import InputError
from keiryo.records.costs import TrainingStep

# The numbers that an optimiser keeps for each trainable element. Sources: the state of
# torch.optim's SGD, Adam and AdamW (first and second moments).
OPTIMIZER_STATE = {"SGD": 0, "SGD with momentum": 1, "Adam": 2}


def training_step(
    module: nn.Module, given: Given, label: str, *, real_bytes: int, forward_macs: int
) -> TrainingStep:
    """Return the cost of a training step of `module`, with floating-point numbers of `real_bytes`.

    A copy in training mode is run forwards and backwards, on tensors without data where
    that is possible. Raises InputError if it cannot be trained on the inputs.
    """
    failures: list[Exception] = []
    for device in ("meta", "cpu"):
        try:
            return _run(module, given, device, real_bytes, forward_macs)
        except Exception as error:  # the user's own code may raise anything
            failures.append(error)
    reason = (str(failures[-1]).splitlines() or [type(failures[-1]).__name__])[0]
    # PyTorch's words for a batch norm whose statistics would be those of one value.
    advice = "; give a larger batch" if "more than 1 value per channel" in reason else ""
    raise InputError(f"{label}: a training step cannot be weighed: {reason}{advice}") from failures[
        -1
    ]


def _run(
    module: nn.Module, given: Given, device: str, real_bytes: int, forward_macs: int
) -> TrainingStep:
    network = weightless_copy(module, keep=device != "meta")
    examples = given.examples(device, like=module)
    if is_waiting_for_sizes(network.modules()):
        network = with_sizes(network, given.examples(device, like=module))
    if device == "cpu":
        # Gradients must not reach the user's own parameters, which this copy shares.
        _replace_parameters(network)
    network.train()
    trainable = [p for p in network.parameters() if p.requires_grad]
    kept = _Kept(real_bytes, network)
    counted = _CountedProducts()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        with saved_tensors_hooks(kept.note, lambda tensor: tensor):
            outputs = tensors_in((network(*examples.positional, **examples.named),))
        loss = sum(output.sum() for output in outputs if output.requires_grad)
        if not isinstance(loss, Tensor):
            raise ValueError("no result depends on a trainable parameter")
        with counted:
            loss.backward()
    gradients = sum(p.numel() * element_bytes(p.dtype, real_bytes) for p in trainable)
    return TrainingStep(
        forward_macs=forward_macs,
        backward_macs=None if counted.unknown else counted.macs,
        saved_activation_bytes=kept.bytes,
        gradient_bytes=gradients,
        optimizer_bytes={name: count * gradients for name, count in OPTIMIZER_STATE.items()},
        unknown_operators=sorted(counted.unknown),
    )


def _replace_parameters(network: nn.Module) -> None:
    twins: dict[int, nn.Parameter] = {}
    for part in network.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                twin = nn.Parameter(parameter.detach().clone(), parameter.requires_grad)
                part._parameters[name] = twins.setdefault(id(parameter), twin)


class _Kept:
    """Counts each tensor that is kept for the backward pass once; weights are there anyway."""

    def __init__(self, real_bytes: int, network: nn.Module) -> None:
        self.bytes = 0
        self._real = real_bytes
        self._seen = {
            tensor.untyped_storage()._cdata
            for tensor in (*network.parameters(), *network.buffers())
            if tensor.layout is torch.strided
        }
        self._alive: list[Tensor] = []

    def note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._seen:
            self._seen.add(storage._cdata)
            # The address of one that was freed could be given to another.
            self._alive.append(tensor)
            unit = element_bytes(tensor.dtype, self._real)
            self.bytes += storage.nbytes() // tensor.dtype.itemsize * unit
        return tensor


class _CountedProducts(TorchDispatchMode):
    """Adds up the multiply-accumulates of all operators that are run."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0
        self.unknown: set[str] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        rule = rule_for(func)
        if rule is None:
            self.unknown.add(f"{func.namespace}.{func.overloadpacket.__name__}")
        else:
            outputs: Sequence[Any] = result if isinstance(result, (list, tuple)) else [result]
            made = [output for output in outputs if isinstance(output, Tensor)]
            self.macs += rule(args, made).macs if made else 0
        return result
