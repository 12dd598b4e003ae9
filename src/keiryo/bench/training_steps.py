"""The speed of training steps on this machine, in a process that does nothing else.

Run as `python -m keiryo.bench.training_steps MODEL ...`, it prints the record as JSON.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import Preprocessing
from keiryo.models.spec import build
from keiryo.records.speed import Latency, Speed
from keiryo.records.training import Precision
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.device import ALLOCATOR_SETTINGS, prepare_device
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.precision import choose_precision
from keiryo.train.recipe import RECIPES

WARMUP_STEPS = 3
FEWEST_STEPS = 5
MOST_STEPS = 50
ENOUGH_SECONDS = 10.0
BATCHES_IN_MEMORY = 4


def measure_training(
    model: str,
    *,
    size: int,
    classes: int,
    batch: int,
    recipe: str,
    threads: int,
    device: str,
    save_memory: bool = False,
    precision: Precision | None = None,
) -> Speed:
    """Measure steps of keiryo's own loop on random images, in a new process.

    Raises subprocess.CalledProcessError, with the process's `stderr`, if that fails.
    """
    command = [sys.executable, "-m", "keiryo.bench.training_steps", model]
    command += ["--size", str(size), "--classes", str(classes), "--batch", str(batch)]
    command += ["--recipe", recipe, "--threads", str(threads), "--device", device]
    command += ["--save-memory"] if save_memory else []
    command += ["--precision", precision] if precision else []
    environment = {**ALLOCATOR_SETTINGS, **os.environ}
    finished = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Speed.model_validate_json(finished.stdout)


def _measure_here(options: argparse.Namespace) -> Speed:
    device = torch.device(options.device)
    prepare_device(device, threads=options.threads)
    random = np.random.default_rng(0)
    count = options.batch * BATCHES_IN_MEMORY
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    rows = np.arange(count)
    torch.manual_seed(0)
    recipe = RECIPES[options.recipe]
    if options.precision:
        recipe = replace(recipe, precision=options.precision)
    network = build(options.model, classes=options.classes)
    task = ImageTask(
        network,
        ImageSet(
            images,
            random.integers(0, options.classes, count),
            rows,
            rows[:1],
            Preprocessing(size=options.size, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        ),
        recipe=recipe,
        batch=options.batch,
        seed=0,
        device=device,
        save_memory=options.save_memory,
    )
    epochs = 1 + (WARMUP_STEPS + MOST_STEPS) // BATCHES_IN_MEMORY
    training = Training(task, budget=Budget(epochs=epochs))
    seconds: list[float] = []

    def has_enough() -> bool:
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(training.position.last_step_seconds)
        measured = seconds[WARMUP_STEPS:]
        if len(measured) < FEWEST_STEPS:
            return False
        return sum(measured) > ENOUGH_SECONDS or len(measured) >= MOST_STEPS

    training.run(TrainingListener(wants_stop=has_enough))
    measured = seconds[WARMUP_STEPS:]
    p50, p95 = (1000.0 * np.percentile(measured, (50, 95))).tolist()
    return Speed(
        model=options.model,
        mode="training",
        size=options.size,
        batch=options.batch,
        latency_ms=Latency(
            p50=p50,
            p95=p95,
            batch=options.batch,
            threads=options.threads,
            runs=len(measured),
            device=options.device,
        ),
        images_per_second=options.batch / median(measured),
        precision=choose_precision(network, device, recipe.precision),
        peak_memory_bytes=peak_memory_bytes(device.type),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    for name in ("size", "classes", "batch", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--save-memory", action="store_true")
    parser.add_argument("--precision")
    print(_measure_here(parser.parse_args()).model_dump_json())
