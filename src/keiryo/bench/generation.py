"""The speed of each way to generate from a WaveNet on this machine."""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from keiryo.audio.generation.buffered import BufferedStepper
from keiryo.audio.generation.compiled import CompiledStepper
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.naive import NaiveStepper
from keiryo.audio.generation.sampling import Draws
from keiryo.audio.generation.stepper import Stepper
from keiryo.audio.plan import make_plan
from keiryo.audio.saved import load_wavenet
from keiryo.audio.summaries import summary_of_network
from keiryo.audio.training.objective import levels_of_codes
from keiryo.errors import InputError
from keiryo.measure.latency import LONGEST_WAIT_SECONDS
from keiryo.measure.load import LoadWatch, sum_of_loads, wait_for_quiet
from keiryo.measure.machine import describe_machine
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.mu_law import SILENCE
from keiryo.records.speed import Load
from keiryo.records.wavenet import GenerationBench, GenerationSpeed
from keiryo.version import __version__

DEFAULT_RATE = 16_000
ROUND_SECONDS = 0.3  # of each way in a round, approximately
MOST_STEPS = 20_000


class _Way(NamedTuple):
    name: str
    streams: int
    make: Callable[[WaveNet, torch.Tensor | None], Stepper]


def bench_generation(
    place: Path | None,
    size: Mapping[str, Any],
    *,
    rate: int | None = None,
    streams: int = 16,
    rounds: int = 5,
    threads: int = 1,
    wait: float = LONGEST_WAIT_SECONDS,
) -> GenerationBench:
    """Measure all ways to generate from the model at `place`, or from one with random weights.

    `size` holds options of a training's plan by their names, and `rate` is in samples a second;
    both are only for random weights. Each round measures every way once, after a wait of at
    most `wait` seconds for a quiet machine; the load of the rounds is recorded. Raises InputError
    if the model cannot be read, or if `size` or `rate` is given with a model.
    """
    torch.set_num_threads(threads)
    if place is None:
        rate = DEFAULT_RATE if rate is None else rate
        plan = make_plan({**size, "rate": rate, "threads": threads})
        configuration = plan.configuration_of(rate, ())
        torch.manual_seed(0)
        network = WaveNet(configuration).eval()
    else:
        if size or rate is not None:
            raise InputError(f"{place}: has its own size and rate; leave the options out")
        network, description = load_wavenet(place)
        rate = description.rate
    labels = torch.zeros(len(network.configuration.labels), dtype=torch.int64)
    ways = [
        _WarmWay(way, network, labels if len(labels) else None) for way in _ways(streams, threads)
    ]
    times: list[list[float]] = [[] for _ in ways]
    loads: list[list[Load]] = [[] for _ in ways]
    wait_for_quiet(at_most=wait)
    for _ in range(rounds):
        for way, own, load in zip(ways, times, loads, strict=True):
            watch = LoadWatch()
            own.append(way.run())
            load.append(watch.load())
    machine = describe_machine(device="cpu", threads=threads, torch_version=torch.__version__)
    return GenerationBench(
        keiryo_version=__version__,
        machine=machine,
        model=None if place is None else str(place),
        rate_hz=rate,
        network=summary_of_network(network.configuration, rate),
        speeds=[
            GenerationSpeed(
                way=way.name,
                streams=way.streams,
                threads=threads if way.streams > 1 or way.is_torch else 1,
                samples_per_second=way.streams / statistics.median(own),
                least_samples_per_second=way.streams / max(own),
                most_samples_per_second=way.streams / min(own),
                real_time_factor=way.streams / statistics.median(own) / rate,
                rounds=rounds,
                **sum_of_loads(load).model_dump(),
            )
            for way, own, load in zip(ways, times, loads, strict=True)
        ],
    )


def _ways(streams: int, threads: int) -> list[_Way]:
    def loop(weights: WeightKind, count: int) -> _Way:
        return _Way(
            f"keiryo's loop, {weights}",
            count,
            lambda network, labels: CompiledStepper(
                network, streams=count, labels=labels, weights=weights, threads=threads
            ),
        )

    ways = [
        _Way("naive", 1, lambda network, labels: NaiveStepper(network, labels=labels)),
        _Way("buffered", 1, lambda network, labels: BufferedStepper(network, labels=labels)),
        loop("float32", 1),
        loop("int8", 1),
    ]
    return ways + ([loop("float32", streams), loop("int8", streams)] if streams > 1 else [])


class _WarmWay:
    """A way after warm-up on a receptive field of silence, with enough steps for a round."""

    def __init__(self, way: _Way, network: WaveNet, labels: torch.Tensor | None) -> None:
        self.name, self.streams = way.name, way.streams
        self.is_torch = way.name in ("naive", "buffered")
        self._stepper = way.make(network, labels)
        self._draws = Draws(0, way.streams, network.configuration)
        silence = torch.full((way.streams, network.configuration.receptive_field), SILENCE)
        given = silence.float()
        if network.configuration.output == "logistics":
            given = levels_of_codes(silence)
        self._stepper.advance(self._draws.take(given.shape[1]), given.numpy())
        self._steps = 2
        pace = min(self.run(), self.run())
        self._steps = max(2, min(MOST_STEPS, round(ROUND_SECONDS / pace)))

    def run(self) -> float:
        """Return the mean seconds of a step, over `_steps` steps."""
        draws = self._draws.take(self._steps)
        start = time.perf_counter()
        self._stepper.advance(draws)
        return (time.perf_counter() - start) / self._steps
