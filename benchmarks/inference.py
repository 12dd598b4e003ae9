"""Inference of one network on all engines, and in Keras, in turn, on one thread.

    .venv/bin/pip install -c constraints.txt -e '.[openvino]'
    make .venv-bench/installed
    .venv/bin/python benchmarks/inference.py --keras-python .venv-bench/bin/python

Every side takes one decoded image (1, 224, 224, 3) of bytes and gives probabilities. Weights are
random, so integers are calibrated on random images: their speed is that of a trained network's.
keiryo's engines run as `keiryo bench --engine` runs them. Keras is called as a function (compiled
by `tf.function`) and by `predict`, in processes of their own. Figures are medians over the rounds
of the processor time of all threads, which other processes lengthen little.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from own_process import run

MODEL = "mobilenet_v2:width=0.5"
CLASSES = 5
WARMUP_RUNS, RUNS = 10, 60
KERAS_SIDES = ("Keras, as a function", "Keras, by predict")
# Those that decide how fast float32 and integers of 8 bits are.
INSTRUCTIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")


def main() -> None:
    """Print a table of all sides; or measure one side of Keras, where `--side` says so."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keras-python", help="an interpreter with Keras; without it, no Keras")
    parser.add_argument("--side", choices=KERAS_SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measure_keras(options)))
        return
    results: dict[str, list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for side, figures in measure_engines(options):
            results.setdefault(side, []).append(figures)
        for side in KERAS_SIDES if options.keras_python else ():
            command = [options.keras_python, __file__, *sys.argv[1:], "--side", side]
            results.setdefault(side, []).append(run(command))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    print_table(results, options)


def measure_engines(options: argparse.Namespace) -> list[tuple[str, dict[str, float]]]:
    """Return the figures of each engine that is installed, measured in turn."""
    from keiryo.bench.speed import Subject, inference_speeds
    from keiryo.measure.engines import installed_engines

    subject = Subject.from_name(MODEL, size=options.size, classes=CLASSES)
    speeds = inference_speeds(
        subject, engines=installed_engines(), batches=[1], threads=options.threads, device="cpu"
    )
    found: list[tuple[str, dict[str, float]]] = []
    for speed in speeds:
        latency = speed.latency_ms
        figures = {
            "processor": latency.processor_p50 or 0.0,
            "wall": latency.p50,
            "others": latency.others_share or 0.0,
            "memory": speed.peak_memory_bytes or 0,
            "cold start": latency.cold_start_ms or 0.0,
        }
        found.append((str(speed.engine_version), figures))
    return found


def measure_keras(options: argparse.Namespace) -> dict[str, float]:
    """Run Keras's network as its users do, on decoded images."""
    import resource

    import numpy as np

    started = time.perf_counter()
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    shape = (options.size, options.size, 3)
    inputs = keras.Input(shape, dtype="uint8")
    network = keras.applications.MobileNetV2(
        alpha=0.5, weights=None, classes=CLASSES, input_shape=shape
    )
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    model = keras.Model(inputs, network(scaled))
    image = np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)
    function = tf.function(lambda images: model(images, training=False), reduce_retracing=True)

    def call() -> None:
        if options.side == KERAS_SIDES[0]:
            function(tf.constant(image)).numpy()
        else:
            model.predict(image, verbose=0)

    call()
    cold_start = 1000 * (time.perf_counter() - started)
    for _ in range(WARMUP_RUNS - 1):
        call()
    wall: list[float] = []
    processor: list[float] = []
    for _ in range(RUNS):
        before, used = time.perf_counter(), time.process_time()
        call()
        wall.append(1000 * (time.perf_counter() - before))
        processor.append(1000 * (time.process_time() - used))
    return {
        "processor": statistics.median(processor),
        "wall": statistics.median(wall),
        "others": 0.0,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "cold start": cold_start,
    }


def print_table(results: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    """Print the medians of each side, and its processor time against that of PyTorch."""
    threads = f"{options.threads} thread" + "s" * (options.threads > 1)
    print(f"\n{MODEL}, {options.size} px, batch 1, {threads}, {options.rounds} rounds; {machine()}")
    others = max(figures["others"] for each in results.values() for figures in each)
    print(f"Other processes took up to {others:.0%} of the processor.\n")
    print("| side | processor ms | least | most | wall ms | PyTorch / it | memory | cold start |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    (torch, *_) = results.values()
    for side, rounds in results.items():
        times = [figures["processor"] for figures in rounds]
        pairs = zip(torch, rounds, strict=True)
        ratio = statistics.median(one["processor"] / it["processor"] for one, it in pairs)
        wall, memory, cold = (
            statistics.median(figures[name] for figures in rounds)
            for name in ("wall", "memory", "cold start")
        )
        print(
            f"| {side} | {statistics.median(times):.2f} | {min(times):.2f} | {max(times):.2f} "
            f"| {wall:.2f} | {ratio:.2f} | {memory / 1e6:.0f} MB | {cold / 1000:.2f} s |"
        )


def machine() -> str:
    """Return the processor's name with the instructions that matter here."""
    if find_spec("keiryo") is None:
        return platform.processor()
    from keiryo.measure.machine import processor_name

    information = Path("/proc/cpuinfo")
    flags = set(information.read_text().split()) if information.exists() else set()
    known = ", ".join(name for name in INSTRUCTIONS if name in flags)
    return f"{processor_name()}, {known or platform.machine()}"


if __name__ == "__main__":
    main()
