"""The measured times of a network and of each of its layers on this machine."""

import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

WARMUP_RUNS = 5
RUNS = 30


class LayerTimes(NamedTuple):
    """Medians in milliseconds: of a whole run, and of each layer within runs."""

    whole: float
    layers: dict[str, float]


def measure_layers(
    network: nn.Module,
    inputs: Sequence[Any],
    names: Collection[str],
    *,
    named: Mapping[str, Any] | None = None,
) -> LayerTimes:
    """Time `network` on `inputs`, then again with a clock around the modules of `names`.

    `named` are inputs by keyword. `network` is in evaluation mode, on the device of the inputs. A
    module's time is the sum of all its calls. One that is called with tensors of several shapes has
    a time for each: `NAME` of the first, `NAME#2` of the second, as a weighing has its rows. The
    clocks add a few microseconds to each layer, and nothing to `whole`.
    """
    keywords = dict(named or {})
    tensors = [leaf for leaf in tree_leaves((inputs, keywords)) if isinstance(leaf, Tensor)]
    is_cuda = any(tensor.is_cuda for tensor in tensors)

    def now() -> float:
        if is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    wholes: list[float] = []
    times: dict[str, list[float]] = {}
    with torch.inference_mode():
        for _ in range(WARMUP_RUNS + RUNS):
            started = now()
            network(*inputs, **keywords)
            wholes.append(now() - started)
        spent: dict[str, float] = {}
        with _clocks(network, names, spent, now):
            for run in range(WARMUP_RUNS + RUNS):
                spent.clear()
                network(*inputs, **keywords)
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
    rows: dict[str, list[Any]] = {}

    def begin(name: str) -> None:
        started[name] = now()

    def end(name: str, *tensors: Any) -> None:
        seconds = now() - started[name]
        shapes = [one.shape for one in tree_leaves(tensors) if isinstance(one, Tensor)]
        known = rows.setdefault(name, [])
        if shapes not in known:
            known.append(shapes)
        number = known.index(shapes) + 1
        row = name if number == 1 else f"{name}#{number}"
        spent[row] = spent.get(row, 0.0) + seconds

    handles = []
    try:
        for name, module in network.named_modules():
            if name in names:
                handles += [
                    module.register_forward_pre_hook(lambda *_, name=name: begin(name)),
                    module.register_forward_hook(
                        lambda _, *tensors, name=name: end(name, *tensors), with_kwargs=True
                    ),
                ]
        yield
    finally:
        for handle in handles:
            handle.remove()
