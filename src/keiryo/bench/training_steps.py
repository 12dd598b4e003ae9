"""The speed of training steps on this machine, in a process that does nothing else.

Run as `python -m keiryo.bench.training_steps JSON`, it prints the records as JSON.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from pydantic import TypeAdapter

from keiryo.measure.load import LoadWatch
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import Preprocessing
from keiryo.models.spec import build
from keiryo.processes import environment, output_to_stderr
from keiryo.records.base import Record
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

MOST_STEPS = 50
BATCHES_IN_MEMORY = 4
# A GPU computes a step while the next one is queued, so it is waited for now and then alone.
STEPS_AT_ONCE_ON_GPU = 5


class StepsOfTraining(Record):
    """The training whose steps are measured."""

    model: str
    size: int
    classes: int
    batch: int
    recipe: str = "keiryo"
    threads: int
    device: str
    save_memory: bool = False
    precision: Precision | None = None
    warmup_steps: int = 3
    fewest_steps: int = 5
    enough_seconds: float = 10.0


_REQUEST = TypeAdapter(list[StepsOfTraining])
_ANSWER = TypeAdapter(list[Speed])


def measure_training(steps: StepsOfTraining) -> Speed:
    """Measure steps of keiryo's own loop on random images, in a new process.

    Raises subprocess.CalledProcessError, with the process's `stderr`, if that fails.
    """
    return measure_trainings([steps])[0]


def measure_trainings(trainings: Sequence[StepsOfTraining]) -> list[Speed]:
    """Measure several trainings as `measure_training` does, one after the other in one process.

    Only the first one's peak memory is its own.
    """
    request = _REQUEST.dump_json(list(trainings)).decode()
    finished = subprocess.run(
        [sys.executable, "-m", "keiryo.bench.training_steps", request],
        capture_output=True,
        text=True,
        check=True,
        env=environment(ALLOCATOR_SETTINGS),
    )
    return _ANSWER.validate_json(finished.stdout)


def _measure_here(options: StepsOfTraining) -> Speed:
    device = torch.device(options.device)
    prepare_device(device, threads=options.threads)
    random = np.random.default_rng(0)
    count = options.batch * BATCHES_IN_MEMORY
    images = random.integers(0, 256, (count, options.size, options.size, 3), dtype=np.uint8)
    rows = np.arange(count)
    torch.manual_seed(0)
    # All steps are at the size asked for, also those of a recipe that begins with smaller images.
    recipe = replace(RECIPES[options.recipe], smallest_size=1.0, largest_size=1.0)
    if options.precision:
        recipe = replace(recipe, precision=options.precision)
    network = build(options.model, classes=options.classes)
    labels = random.integers(0, options.classes, count)
    # Of one epoch, so that no evaluation comes between the steps.
    train = np.resize(rows, options.batch * (options.warmup_steps + MOST_STEPS))
    preprocessing = Preprocessing(size=options.size, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    task = ImageTask(
        network,
        ImageSet(images, labels, train, rows[:1], preprocessing),
        recipe=recipe,
        batch=options.batch,
        seed=0,
        device=device,
        save_memory=options.save_memory,
    )
    training = Training(task, budget=Budget(epochs=1))
    at_once = STEPS_AT_ONCE_ON_GPU if device.type == "cuda" else 1
    seconds: list[float] = []
    began, watch = 0.0, LoadWatch()

    def has_enough() -> bool:
        nonlocal began, watch
        past = training.position.steps - options.warmup_steps
        if past < 0 or past % at_once:
            return False
        if device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        if past == 0:
            watch = LoadWatch()
        else:
            seconds.append((now - began) / at_once)
        began = now
        if past < options.fewest_steps:
            return False
        return at_once * sum(seconds) > options.enough_seconds or past >= MOST_STEPS

    training.run(TrainingListener(wants_stop=has_enough))
    load = watch.load()
    p50, p95 = (1000.0 * np.percentile(seconds, (50, 95))).tolist()
    latency = Latency(
        **options.model_dump(include={"batch", "threads", "device"}),
        p50=p50,
        p95=p95,
        best=1000.0 * min(seconds),
        runs=len(seconds),
        **load.model_dump(),
    )
    return Speed(
        **options.model_dump(include={"model", "size", "batch"}),
        mode="training",
        latency_ms=latency,
        images_per_second=options.batch / median(seconds),
        precision=choose_precision(network, device, recipe.precision),
        peak_memory_bytes=peak_memory_bytes(device.type),
    )


if __name__ == "__main__":
    with output_to_stderr():  # a user's own network may print
        measured = [_measure_here(each) for each in _REQUEST.validate_json(sys.argv[1])]
    print(_ANSWER.dump_json(measured).decode())
