"""Training throughput of keiryo against Keras on TensorFlow, in turn, on this machine.

    make bench
    .venv/bin/python benchmarks/training.py --keras-python .venv-bench/bin/python

Each measurement is a process of its own, A B A B ..., that trains one model on the
same pictures in memory with Adam; a step is timed from batch to batch, the first
ones are left out, and the median of the rest is taken. Printed are the medians over
the rounds, images per second, and the peak memory of the process.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CLASSES = 5
WARMUP_STEPS = 3
KERAS_MODELS = {
    "mobilenet_v2:width=0.5": ("MobileNetV2", {"alpha": 0.5}),
    "mobilenet_v1": ("MobileNet", {}),
    "densenet121": ("DenseNet121", {}),
    "vgg16": ("VGG16", {}),
}


def main() -> None:
    """Run both sides in turn and print a table, or one side where `--side` says so."""
    options = parse_options()
    if options.side:
        measure = {"keiryo": measure_keiryo, "keras": measure_keras}[options.side]
        print(json.dumps(measure(options)))
        return
    pythons = {"keiryo": sys.executable, "keras": options.keras_python}
    results: dict[str, list[dict[str, float]]] = {side: [] for side in pythons}
    for number in range(options.rounds):
        for side, python in pythons.items():
            results[side].append(run_side(side, python))
            print(f"round {number + 1}, {side}: {results[side][-1]}", file=sys.stderr)
    print(
        f"{options.model}, {options.size} px, batch {options.batch}, {options.threads} threads, "
        f"{options.rounds} rounds, {platform.processor() or platform.machine()}"
    )
    print("| side | images/s (median) | least | most | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    for side, rounds in results.items():
        rates = [figures["images_per_second"] for figures in rounds]
        memory = statistics.median(figures["peak_memory_bytes"] for figures in rounds)
        print(
            f"| {side} | {statistics.median(rates):.1f} | {min(rates):.1f} | {max(rates):.1f} "
            f"| {memory / 1e9:.2f} GB |"
        )
    ratios = [
        ours["images_per_second"] / theirs["images_per_second"]
        for ours, theirs in zip(results["keiryo"], results["keras"], strict=True)
    ]
    print(f"keiryo / keras, pair by pair: median {statistics.median(ratios):.2f}")


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--model", choices=KERAS_MODELS, default="mobilenet_v2:width=0.5")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keras-python", default=sys.executable)
    parser.add_argument("--recipe", choices=("plain", "keiryo"), default="plain")
    parser.add_argument("--side", choices=("keiryo", "keras"), help=argparse.SUPPRESS)
    return parser.parse_args()


def run_side(side: str, python: str) -> dict[str, float]:
    """Measure one side in a process of its own, started as keiryo starts its trials."""
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    if side == "keiryo":
        from keiryo.train.device import ALLOCATOR_SETTINGS

        environment |= ALLOCATOR_SETTINGS
    command = [python, __file__, *sys.argv[1:], "--side", side]
    finished = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(finished.stdout.splitlines()[-1])


def pictures(options: argparse.Namespace) -> tuple[Any, Any]:
    """Return random pictures (N, size, size, 3), uint8, and labels (N,), for all steps."""
    import numpy as np

    random = np.random.default_rng(0)
    count = options.batch * (options.steps + WARMUP_STEPS)
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    return images, random.integers(0, CLASSES, count)


def summarize(step_ends: list[float], batch: int) -> dict[str, float]:
    """Return the rate of the median step after the warm-up, and the peak memory."""
    import resource

    steps = [after - before for before, after in itertools.pairwise(step_ends)]
    return {
        "images_per_second": batch / statistics.median(steps[WARMUP_STEPS - 1 :]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def measure_keiryo(options: argparse.Namespace) -> dict[str, float]:
    """Train through keiryo's own loop, from a memory map on disk as a pack is."""
    import numpy as np
    import torch

    from keiryo.models.saved import Preprocessing
    from keiryo.models.spec import build
    from keiryo.train.budget import Budget
    from keiryo.train.device import prepare_device
    from keiryo.train.loop import Training
    from keiryo.train.pictures import Pictures
    from keiryo.train.recipe import RECIPES
    from keiryo.train.watcher import Watcher

    device = torch.device("cpu")
    prepare_device(device, threads=options.threads)
    images, labels = pictures(options)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images)
        images = np.load(path, mmap_mode="r")
        rows = np.arange(len(labels))
        training = Training(
            build(options.model, classes=CLASSES),
            Pictures(
                images,
                labels,
                rows,
                rows[:1],
                Preprocessing(size=options.size, mean=(0.5,) * 3, std=(0.25,) * 3),
            ),
            recipe=RECIPES[options.recipe],
            budget=Budget(epochs=1),
            batch=options.batch,
            seed=0,
            device=device,
        )
        step_ends: list[float] = []
        training.run(Watcher(on_progress=lambda _: step_ends.append(time.perf_counter())))
    return summarize(step_ends, options.batch)


def measure_keras(options: argparse.Namespace) -> dict[str, float]:
    """Train as a Keras user does: `fit` on a prefetching tf.data set, Adam at its defaults."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    images, labels = pictures(options)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).batch(options.batch)
    data = data.map(lambda x, y: (tf.cast(x, tf.float32) / 127.5 - 1.0, y))
    name, arguments = KERAS_MODELS[options.model]
    network = getattr(keras.applications, name)(
        weights=None,
        classes=CLASSES,
        input_shape=(options.size, options.size, 3),
        **arguments,
    )
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    step_ends: list[float] = []
    watcher = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: step_ends.append(time.perf_counter())
    )
    network.fit(data.prefetch(2), epochs=1, verbose=0, callbacks=[watcher])
    return summarize(step_ends, options.batch)


if __name__ == "__main__":
    main()
