"""The measured times of a network and of each of its layers on this machine."""

import statistics
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

WARMUP_RUNS = 5
RUNS = 30


class LayerTimes(NamedTuple):
    """Medians in milliseconds: of a whole run, and of each layer within runs."""

    whole: float
    layers: dict[str, float]


def measure_layers(
    network: nn.Module, inputs: Sequence[Tensor], names: Collection[str]
) -> LayerTimes:
    """Time `network` on `inputs`, then again with a clock around the modules of `names`.

    `network` is in evaluation mode, on the device of `inputs`. A module's time is the sum of
    all its calls. The clocks add a few microseconds to each layer, and nothing to `whole`.
    """
    is_cuda = any(tensor.is_cuda for tensor in inputs)

    def now() -> float:
        if is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    wholes: list[float] = []
    times: dict[str, list[float]] = {}
    with torch.inference_mode():
        for _ in range(WARMUP_RUNS + RUNS):
            started = now()
            network(*inputs)
            wholes.append(now() - started)
        spent: dict[str, float] = {}
        with _clocks(network, names, spent, now):
            for run in range(WARMUP_RUNS + RUNS):
                spent.clear()
                network(*inputs)
                if run >= WARMUP_RUNS:
                    for name, seconds in spent.items():
                        times.setdefault(name, []).append(seconds)
    return LayerTimes(
        whole=1000 * statistics.median(wholes[WARMUP_RUNS:]),
        layers={name: 1000 * statistics.median(seconds) for name, seconds in times.items()},
    )


@contextmanager
def _clocks(
    network: nn.Module, names: Collection[str], spent: dict[str, float], now: Callable[[], float]
) -> Iterator[None]:
    started: dict[str, float] = {}

    def begin(name: str) -> None:
        started[name] = now()

    def end(name: str) -> None:
        spent[name] = spent.get(name, 0.0) + now() - started[name]

    handles = []
    try:
        for name, module in network.named_modules():
            if name in names:
                handles += [
                    module.register_forward_pre_hook(lambda *_, name=name: begin(name)),
                    module.register_forward_hook(lambda *_, name=name: end(name)),
                ]
        yield
    finally:
        for handle in handles:
            handle.remove()
