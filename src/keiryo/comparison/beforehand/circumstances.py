"""The circumstances that the choice of options depends on."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np

from keiryo.comparison.plan import Plan
from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.image.fit import DEFAULT_SIZE
from keiryo.data.sources.source import Source
from keiryo.data.survey.split import FOLDS
from keiryo.records.costs import Cost, Weighing

# Enough for a median, and read in a moment.
SAMPLED_IMAGES = 24
# A backward pass takes twice the time of a forward pass.
PASSES_OF_A_STEP = 3
# On one core, roughly: MobileNets and ResNet-18 on a Xeon with AVX-512. They are assumed and not
# measured, so that the choice does not depend on what else is running.
MACS_PER_SECOND = 50e9
ACTIVATION_BYTES_PER_SECOND = 7e9
# A GPU is as fast as so many cores.
CORES_OF_A_GPU = 150


@dataclass(frozen=True)
class Circumstances:
    """A set of images, the candidates to train on it, and the time that one image takes.

    `images` is the number of training images, and `side` the median of the shorter sides of all,
    in pixels. `seconds_per_image` are those of a training step, of each candidate, on images of
    DEFAULT_SIZE: an estimate from its multiply-accumulates and activations. `trainings` is the
    number of trainings of each candidate. `minutes` is the budget of each training, if it is one
    of time.
    """

    images: int
    side: int
    seconds_per_image: tuple[float, ...]
    trainings: int = 1
    minutes: float | None = None


def look_at(plan: Plan, source: Source, costs: Iterable[Cost | None]) -> Circumstances:
    """Return the circumstances of `plan`, whose models cost `costs` at DEFAULT_SIZE.

    Some images of `source` are read for their size, if it matters.
    """
    cores = cores_of(plan)
    trials = len(plan.trials())
    return Circumstances(
        images=training_images(source),
        side=_median_side(source) if "size" in plan.chosen else plan.size,
        seconds_per_image=tuple(
            seconds_of_a_step(cost, cores) for cost in costs if isinstance(cost, Weighing)
        ),
        trainings=trials // len(plan.models),
        minutes=plan.minutes,
    )


def cores_of(plan: Plan) -> float:
    """Return the number of cores that train, or that the plan's GPU stands for."""
    return plan.threads if plan.device == "cpu" else CORES_OF_A_GPU


def training_images(source: Source) -> int:
    """Return the number of images listed to train on."""
    splits = [item.split for item in source.items]
    if "val" in splits or "test" in splits:
        return splits.count("train")
    return round(len(splits) * (1.0 - 1.0 / FOLDS))


def seconds_of_a_step(cost: Weighing, cores: float) -> float:
    """Return the seconds that a training step takes for each image, on so many cores."""
    arithmetic = (cost.macs or cost.known_macs) / MACS_PER_SECOND
    memory = cost.activation_bytes / ACTIVATION_BYTES_PER_SECOND
    return PASSES_OF_A_STEP * (arithmetic + memory) / cores


def _median_side(source: Source) -> int:
    count = len(source.items)
    indices = np.linspace(0, count - 1, min(count, SAMPLED_IMAGES)).astype(int)
    sides = []
    for index in map(int, indices):
        try:
            facts = source.read(index, DEFAULT_SIZE, "stretch").facts
        except UnreadableImageError:
            continue
        sides.append(min(facts.width, facts.height))
    return round(median(sides)) if sides else DEFAULT_SIZE
