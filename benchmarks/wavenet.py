"""Samples per second of a WaveNet on the processor, one way after the other in turn.

    .venv/bin/python benchmarks/wavenet.py

It measures as `keiryo wavenet bench` does: naive PyTorch (the receptive field for each sample),
PyTorch with buffers, and the compiled loop in float32 and int8; one stream on one thread, many
streams on one thread and on two. Then it compares the loop with the processor's limits:
multiply-accumulates with the fastest product in the first cache, bytes of weights with the
fastest reading of as many bytes.
"""

import argparse
import time
from collections.abc import Callable

import numba
import numpy as np

from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.packed_weights import pack
from keiryo.bench.generation import bench_generation
from keiryo.kernels.products import multiply, pack_matrix
from keiryo.kernels.vector import add, load, store
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.records.wavenet import GenerationSpeed

RATE = 16_000
SIZES = ((32, 128), (64, 256))
STREAMS_AND_THREADS = ((16, 1), (32, 2))
WAY = "| way | streams | threads"
WEIGHTS: tuple[WeightKind, ...] = ("float32", "int8")


def main() -> None:
    """Print two tables for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for residual, skip in SIZES:
        size = {"stacks": 3, "layers": 10, "residual": residual, "skip": skip}
        benches = [
            bench_generation(
                None, size, rate=RATE, streams=streams, threads=threads, rounds=options.rounds
            )
            for streams, threads in STREAMS_AND_THREADS
        ]
        machine = benches[0].machine
        print(f"\ntorch {machine.torch}; {machine.processor}, {machine.cores} cores")
        print(f"30 layers, {residual} residual and {skip} skip channels\n")
        for bench in benches:
            print_rates(bench.speeds)
        configuration = WaveNetConfiguration(
            residual_channels=residual, gate_channels=residual, skip_channels=skip
        )
        loops = [speed for bench in benches for speed in bench.speeds if "loop" in speed.way]
        print_limits(WaveNet(configuration).eval(), loops)


def print_rates(speeds: list[GenerationSpeed]) -> None:
    """Print the rate of each way, and its ratio to the two ways of PyTorch."""
    naive, buffered = (speed.samples_per_second for speed in speeds[:2])
    print(f"{WAY} | samples/s | least | most | x real time | / naive | / buffered |")
    print("|" + " --- |" * 9)
    for speed in speeds:
        rate = speed.samples_per_second
        print(
            f"| {speed.way} | {speed.streams} | {speed.threads} | {rate:,.0f} "
            f"| {speed.least_samples_per_second:,.0f} | {speed.most_samples_per_second:,.0f} "
            f"| {speed.real_time_factor:.3g} | {rate / naive:,.1f} | {rate / buffered:,.1f} |"
        )
    print()


def print_limits(network: WaveNet, loops: list[GenerationSpeed]) -> None:
    """Print how near the compiled loop comes to the processor's limits, for each thread."""
    print(f"{WAY} | G multiply-accumulates/s | of the fastest | weights read | of the fastest |")
    print("|" + " --- |" * 7)
    fastest = {kind: fastest_product(kind) for kind in WEIGHTS}
    for loop in loops:
        kind = next(kind for kind in WEIGHTS if loop.way.endswith(kind))
        values = pack(network, kind).values
        macs = values.size * loop.samples_per_second / loop.threads
        read = values.nbytes * loop.samples_per_second / loop.streams
        print(
            f"| {loop.way} | {loop.streams} | {loop.threads} | {macs / 1e9:.1f} "
            f"| {macs / fastest[kind]:.0%} | {read / 1e9:.1f} GB/s "
            f"| {read / fastest_reading(values.nbytes):.0%} |"
        )


def fastest_product(kind: WeightKind) -> float:
    """Return multiply-accumulates per second of a matrix in the first cache, 16 streams."""
    rows = columns = 64
    streams = 16
    weights = pack_matrix(np.ones((rows, columns), kind))
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


if __name__ == "__main__":
    main()
