"""A training step beside busy neighbours, by how the threads of OpenMP wait for each other.

    .venv/bin/python benchmarks/neighbours.py --neighbours 0,2

Each measurement is a process of its own, as `keiryo bench --training` starts it, one setting after
the other in turn. A neighbour is a process that computes without a pause.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keiryo.bench.training_steps import StepsOfTraining, measure_training
from keiryo.measure.machine import processor_name, usable_cores

SETTINGS = {
    "OpenMP's own": {"GOMP_SPINCOUNT": "300000"},  # libgomp's, if neither is set
    "passive": {"GOMP_SPINCOUNT": "0"},
    "1,000 turns": {"GOMP_SPINCOUNT": "1000"},
    "10,000 turns": {"GOMP_SPINCOUNT": "10000"},
}


def main() -> None:
    """Print the median step of each setting for each number of neighbours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neighbours", default="0,2")
    parser.add_argument("--model", default="mobilenet_v2:width=0.5")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    print(f"{processor_name()}, {usable_cores()} cores, {options.threads} threads")
    print("| neighbours | setting | ms a step, median | least | most | / passive |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in map(int, options.neighbours.split(",")):
        steps: dict[str, list[float]] = {name: [] for name in SETTINGS}
        with neighbours(count):
            for _ in range(options.rounds):
                for name, milliseconds in steps.items():
                    milliseconds.append(step_milliseconds(SETTINGS[name], options))
        medians = {name: statistics.median(each) for name, each in steps.items()}
        for name, each in steps.items():
            print(
                f"| {count} | {name} | {medians[name]:.1f} | {min(each):.1f} | {max(each):.1f} "
                f"| {medians[name] / medians['passive']:.3f} |",
                flush=True,
            )


def step_milliseconds(setting: dict[str, str], options: argparse.Namespace) -> float:
    """Return the median time of a training step in a process with this setting."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    os.environ.update(setting)
    steps = StepsOfTraining(
        model=options.model,
        size=options.size,
        classes=5,
        batch=options.batch,
        threads=options.threads,
        device="cpu",
    )
    return measure_training(steps).latency_ms.p50


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Keep `count` processes computing until the block ends."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
