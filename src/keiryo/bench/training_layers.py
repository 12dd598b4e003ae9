"""The time of each layer in a training step, and the least it can take.

Each layer is measured alone, forward and backward, on inputs of the shape that it gets in the
network. A norm and the activation after it count as one if they run as one.
"""

import time
from contextlib import nullcontext
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.cost.roofline import bandwidth
from keiryo.measure.load import LoadWatch
from keiryo.nn.norm_activation import BOUNDS, FusedSequential
from keiryo.records.costs import DeviceProfile
from keiryo.records.speed import LayerSpeed
from keiryo.train.precision import ForwardContext

WARMUP_RUNS = 2
RUNS = 7
# The forward pass, and the backward passes for the input and for the weights.
PASSES_OF_ARITHMETIC = 3


def measure_training_layers(
    network: nn.Module,
    inputs: Tensor,
    profile: DeviceProfile,
    context: ForwardContext = nullcontext,
) -> list[LayerSpeed]:
    """Measure the layers of `network` in training on `inputs` (N, C, H, W), in the order they run.

    `network` and `inputs` are on the processor, in channels_last. Forward passes run within
    `context`.
    """
    measured = []
    for index, (name, layer, x) in enumerate(_calls(network, inputs, context)):
        with context():
            y = layer.train()(x)
        watch = LoadWatch()
        forward, backward = _times(layer, x, context, is_first=index == 0)
        load = watch.load()
        macs = weigh(layer, tuple(x.shape[1:])).macs or 0
        moved = _bytes_moved(layer, x, y, is_first=index == 0)
        passes = PASSES_OF_ARITHMETIC - (index == 0)
        measured.append(
            LayerSpeed(
                layer=name,
                kind=_kind(layer),
                output_shape=tuple(y.shape[1:]),
                forward_ms=_milliseconds(forward),
                backward_ms=_milliseconds(backward),
                best_ms=1000.0 * min(map(sum, zip(forward, backward, strict=True))),
                **load.model_dump(),
                arithmetic_ms=1000.0 * passes * macs * len(x) / profile.macs_per_second,
                memory_ms=1000.0 * moved / bandwidth(profile, moved),
            )
        )
    return measured


def _calls(
    network: nn.Module, inputs: Tensor, context: ForwardContext
) -> list[tuple[str, nn.Module, Tensor]]:
    """Return the name, layer and input of each leaf module, or of each norm with its activation."""
    calls: list[tuple[str, nn.Module, Tensor]] = []
    pairs, seconds = _pairs(network)
    handles = []

    def note(name: str, module: nn.Module, x: Tensor) -> None:
        if module not in seconds:
            calls.append((name, pairs.get(module, module), x.detach().clone()))

    for name, module in network.named_modules():
        if not any(module.children()) and not isinstance(module, nn.Identity):
            handles.append(
                module.register_forward_pre_hook(
                    lambda module, given, name=name: note(name, module, given[0])
                )
            )
    try:
        with torch.no_grad(), context():
            network.train()(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _pairs(network: nn.Module) -> tuple[dict[nn.Module, nn.Module], set[nn.Module]]:
    """Map each norm to itself with the activation it may run as one with; list the activations."""
    pairs: dict[nn.Module, nn.Module] = {}
    seconds: set[nn.Module] = set()
    for sequence in network.modules():
        if not isinstance(sequence, FusedSequential):
            continue
        for layer, after in pairwise([*sequence, nn.Identity()]):
            if isinstance(layer, nn.BatchNorm2d):
                is_pair = type(after) in BOUNDS and not isinstance(after, nn.Identity)
                pairs[layer] = FusedSequential(layer, after) if is_pair else FusedSequential(layer)
                seconds |= {after} if is_pair else set()
    return pairs, seconds


def _times(
    layer: nn.Module, x: Tensor, context: ForwardContext, *, is_first: bool
) -> tuple[list[float], list[float]]:
    """Return the seconds of the forward and of the backward pass in each run after warm-up."""
    forward, backward = [], []
    for _ in range(WARMUP_RUNS + RUNS):
        # A new copy each time, since activations may work in place; a view, since a leaf that
        # needs a gradient must not be changed in place.
        given = x.clone().requires_grad_(not is_first)
        given = given if is_first else given.view_as(given)
        started = time.perf_counter()
        with context():
            y = layer(given)
        forward.append(time.perf_counter() - started)
        if not y.requires_grad:
            backward.append(0.0)
            continue
        gradient = torch.ones_like(y)
        started = time.perf_counter()
        y.backward(gradient)
        backward.append(time.perf_counter() - started)
    return forward[WARMUP_RUNS:], backward[WARMUP_RUNS:]


def _milliseconds(seconds: list[float]) -> float:
    return 1000.0 * median(seconds)


def _bytes_moved(layer: nn.Module, x: Tensor, y: Tensor, *, is_first: bool) -> int:
    """Return the bytes of input, output, their gradients, and the input again going backward."""
    tensors = [x, y, y, x] if is_first else [x, y, y, x, x]
    weights = sum(p.numel() * p.element_size() for p in layer.parameters())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) + 3 * weights


def _kind(layer: nn.Module) -> str:
    parts = list(layer) if isinstance(layer, nn.Sequential) else [layer]
    first = parts[0]
    if isinstance(first, nn.Conv2d):
        if first.groups == first.in_channels and first.groups > 1:
            return "depthwise convolution"
        return "pointwise convolution" if first.kernel_size == (1, 1) else "convolution"
    return " and ".join(type(part).__name__ for part in parts)
