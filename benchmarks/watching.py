"""What looking into a training step costs: watched and other steps of one training, in turn.

    .venv/bin/python benchmarks/watching.py --models mobilenet_v2:width=0.5 resnet18

Every fourth step is looked at, where a training looks at far fewer, so that there
are enough to compare; the share is that of a training. Medians of steps.
"""

import argparse
import itertools
import statistics
import time

import numpy as np
import torch

from keiryo.models.saved import Preprocessing
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.device import prepare_device
from keiryo.train.listener import TrainingListener
from keiryo.train.recipe import RECIPES
from keiryo.train.watching import step_watch as watch
from one_training import train

USUAL_INTERVAL = watch.WATCH_INTERVAL
INTERVAL = 4
WARMUP_STEPS = 4
CLASSES = 5


def main() -> None:
    """Measure each model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", default=["mobilenet_v2:width=0.5", "resnet18"])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    prepare_device(torch.device("cpu"), threads=options.threads)
    watch.WATCH_INTERVAL, watch.EARLY_STEPS = INTERVAL, ()
    print(f"{options.size} px, batch {options.batch}, {options.threads} threads")
    print(f"| model | a step | a step looked at | of the time, at one in {USUAL_INTERVAL} |")
    print("| --- | --- | --- | --- |")
    for model in options.models:
        seconds = step_seconds(model, options)
        looked = [s for step, s in seconds.items() if step % INTERVAL == 0]
        others = [s for step, s in seconds.items() if step % INTERVAL]
        plain, seen = statistics.median(others), statistics.median(looked)
        share = (seen - plain) / (USUAL_INTERVAL * plain + seen - plain)
        print(f"| {model} | {1000 * plain:.0f} ms | {1000 * seen:.0f} ms | {share:.2%} |")


def step_seconds(model: str, options: argparse.Namespace) -> dict[int, float]:
    """Return how long each step of a training took, the first ones apart."""
    random = np.random.default_rng(0)
    count = options.batch * options.steps
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    labels, rows = random.integers(0, CLASSES, count), np.arange(count)
    preprocessing = Preprocessing(size=options.size, mean=(0.5,) * 3, std=(0.25,) * 3)
    image_set = ImageSet(images, labels, rows, rows[:1], preprocessing)
    ends: list[float] = []
    listener = TrainingListener(on_progress=lambda _: ends.append(time.perf_counter()))
    train(model, image_set, RECIPES["plain"], batch=options.batch, listener=listener)
    pairs = enumerate(itertools.pairwise(ends), start=1)
    return {step: after - before for step, (before, after) in pairs if step >= WARMUP_STEPS}


if __name__ == "__main__":
    main()
