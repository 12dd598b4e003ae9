"""Samples per second of a WaveNet on the processor, one way after the other in turn.

    .venv/bin/python benchmarks/wavenet.py

Naive PyTorch (the receptive field for each sample), PyTorch with buffers, and the compiled
loop: one stream on one thread, in float32 and int8; many streams on one thread, and on two.
Then how far the loop is from what the processor can do: multiply-accumulates against the
fastest product that lies in the first cache, bytes of weights against the fastest reading of
so many bytes.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numba
import numpy as np
import torch

from keiryo.audio.generation.buffered import BufferedStepper
from keiryo.audio.generation.compiled import CompiledStepper
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.naive import NaiveStepper
from keiryo.audio.generation.packed_weights import pack
from keiryo.audio.generation.sampling import Draws
from keiryo.audio.generation.stepper import Stepper
from keiryo.kernels.products import multiply, packed
from keiryo.kernels.vector import add, load, store
from keiryo.measure.machine import processor_name, usable_cores
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration

RATE = 16000
SIZES = ((32, 128), (64, 256))


class Side(NamedTuple):
    """A way to generate: its name, steps a round, streams, and weights where it is the loop."""

    name: str
    make: Callable[[WaveNet], Stepper]
    steps: int
    streams: int = 1
    weights: WeightKind | None = None
    threads: int = 1


def loop(weights: WeightKind, streams: int, threads: int, steps: int) -> Side:
    """Return the compiled loop as a side."""
    name = f"loop, {weights}, {streams} stream{'s' * (streams > 1)}, {threads} thread"
    return Side(
        name + "s" * (threads > 1),
        lambda network: CompiledStepper(network, weights=weights, streams=streams, threads=threads),
        steps,
        streams,
        weights,
        threads,
    )


SIDES = (
    Side("naive PyTorch", lambda network: NaiveStepper(network), 4),
    Side("PyTorch with buffers", lambda network: BufferedStepper(network), 150),
    loop("float32", 1, 1, 4000),
    loop("int8", 1, 1, 8000),
    loop("float32", 16, 1, 500),
    loop("int8", 16, 1, 800),
    loop("float32", 32, 2, 400),
    loop("int8", 32, 2, 600),
)


def main() -> None:
    """Print two tables for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch-threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.torch_threads)
    print(f"torch {torch.__version__} on {options.torch_threads} thread(s); {processor_name()}, "
          f"{usable_cores()} cores")  # fmt: skip
    for residual, skip in SIZES:
        torch.manual_seed(0)
        network = WaveNet(
            WaveNetConfiguration(
                residual_channels=residual, gate_channels=residual, skip_channels=skip
            )
        ).eval()
        print(f"\n30 layers, {residual} residual and {skip} skip channels\n")
        print_rates(network, options.rounds)


def print_rates(network: WaveNet, rounds: int) -> None:
    """Time all sides in turn and print what they make."""
    configuration = network.configuration
    steppers = [side.make(network) for side in SIDES]
    draws = [Draws(0, side.streams, configuration) for side in SIDES]
    for side, stepper, own in zip(SIDES, steppers, draws, strict=True):
        # Warm-up, and a past as long as the receptive field.
        past = np.full((side.streams, configuration.receptive_field), 128, np.float32)
        stepper.advance(own.take(past.shape[1]), past)
        stepper.advance(own.take(2))
    seconds: list[list[float]] = [[] for _ in SIDES]
    for _ in range(rounds):
        for index, side in enumerate(SIDES):
            numbers = draws[index].take(side.steps)
            start = time.perf_counter()
            steppers[index].advance(numbers)
            seconds[index].append((time.perf_counter() - start) / side.steps)
    medians = [statistics.median(each) for each in seconds]
    rates = [side.streams / median for side, median in zip(SIDES, medians, strict=True)]
    print("| way | samples/s | least | most | times real time | / naive | / buffered |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for side, rate, each in zip(SIDES, rates, seconds, strict=True):
        least, most = side.streams / max(each), side.streams / min(each)
        print(
            f"| {side.name} | {rate:,.0f} | {least:,.0f} | {most:,.0f} | {rate / RATE:.3g} "
            f"| {_times(rate / rates[0])} | {_times(rate / rates[1])} |"
        )
    print("\n| way | G multiply-accumulates/s | of the fastest | weights read | of the fastest |")
    print("| --- | --- | --- | --- | --- |")
    fastest = {kind: fastest_product(kind) for kind in ("float32", "int8")}
    for side, rate, median in zip(SIDES, rates, medians, strict=True):
        if side.weights is None:
            continue
        values = pack(network, side.weights).values
        macs = values.size * rate / side.threads
        read = values.nbytes / median
        print(
            f"| {side.name} | {macs / 1e9:.1f} a thread | {macs / fastest[side.weights]:.0%} "
            f"| {read / 1e9:.1f} GB/s a thread | {read / fastest_reading(values.nbytes):.0%} |"
        )


def fastest_product(kind: WeightKind) -> float:
    """Return multiply-accumulates per second of a matrix in the first cache, 16 streams."""
    rows = columns = 64
    streams = 16
    weights = packed(np.ones((rows, columns), kind))
    x = np.zeros(streams * columns, np.int16 if kind == "int8" else np.float32)
    y, ones = np.zeros(streams * rows, np.float32), np.ones(rows, np.float32)
    repeats = 4000

    def run() -> None:
        _products(repeats, weights, ones, rows, columns, streams, x, y)

    return repeats * rows * columns * streams / least_seconds(run)


def fastest_reading(size: int) -> float:
    """Return bytes per second of reading `size` bytes over and over."""
    values, out = np.zeros(size // 256 * 64, np.float32), np.zeros(64, np.float32)
    repeats = max(1, 2 * 10**8 // size)
    return repeats * values.nbytes / least_seconds(lambda: _read(repeats, values, out))


def least_seconds(run: Callable[[], None]) -> float:
    """Return the time of the fastest of some runs."""
    run()
    times = []
    for _ in range(7):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


@numba.njit
def _products(repeats, weights, ones, rows, columns, streams, x, y):
    for _ in range(repeats):
        multiply(weights, 0, ones, 0, rows, columns, streams, x, columns, ones, y, rows)


@numba.njit
def _read(repeats, values, out):
    a, b, c, d = load(out, 0), load(out, 16), load(out, 32), load(out, 48)
    for _ in range(repeats):
        for at in range(0, len(values), 64):
            a = add(a, load(values, at))
            b = add(b, load(values, at + 16))
            c = add(c, load(values, at + 32))
            d = add(d, load(values, at + 48))
    store(out, 0, add(add(a, b), add(c, d)))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 1000 else f"{ratio:.3g}"


if __name__ == "__main__":
    main()
