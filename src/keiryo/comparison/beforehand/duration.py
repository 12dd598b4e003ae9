"""The time that the trainings of a comparison will take, from a few measured steps of each."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keiryo.bench.training_steps import StepsOfTraining, measure_trainings
from keiryo.comparison.beforehand.circumstances import cores_of, seconds_of_a_step
from keiryo.comparison.beforehand.option_choice import MEAN_COST, STEP_SECONDS
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan
from keiryo.records.costs import Cost, Weighing
from keiryo.records.data import DataSummary
from keiryo.records.speed import TORCH
from keiryo.train.recipe import RECIPES, Recipe, evaluation_size, training_size

# A shorter comparison shows how long it takes soon enough.
SECONDS_WORTH_MEASURING = 60.0
# Of each candidate and size, after a warm-up.
SECONDS_OF_STEPS = 1.5
WARMUP_STEPS, FEWEST_STEPS = 1, 2
# The cost of a step changes with the image size: it is added up at so many places.
PLACES = 16
# A training's process starts, and ends with an evaluation of the training images and its record.
SECONDS_AROUND_A_TRAINING = 3.0
SECONDS_OF_AN_EXPORT = 4.0
SECONDS_OF_A_LATENCY = 3.0
SECONDS_OF_THE_REPORT = 1.0
# An evaluation is a forward pass, a third of a step's passes.
PASSES_OF_A_STEP = 3


@dataclass(frozen=True)
class StepTime:
    """The time of a training step on images of `size` and of a smaller size, in seconds."""

    size: int
    seconds: float
    smaller_size: int
    smaller_seconds: float

    def at(self, size: int) -> float:
        """Return the seconds of a step at `size`, which are linear in the number of pixels."""
        if self.smaller_size == self.size:
            return self.seconds
        per_pixel = (self.seconds - self.smaller_seconds) / (self.size**2 - self.smaller_size**2)
        return max(0.0, self.seconds - per_pixel * (self.size**2 - size**2))


def assumed_seconds(plan: Plan, images: int, costs: Iterable[Cost | None]) -> float:
    """Return the rough time of all trainings on `images` images, without a measurement.

    `costs` are those of the models at the plan's size. A budget of minutes is taken as it is.
    """
    trainings = len(plan.trials())
    if plan.epochs is None or plan.minutes is not None:
        return 60 * (plan.minutes or 0.0) * trainings
    cores = cores_of(plan)
    each = [
        MEAN_COST * seconds_of_a_step(cost, cores) + STEP_SECONDS / plan.batch
        for cost in costs
        if isinstance(cost, Weighing)
    ]
    return images * plan.epochs * sum(each) * trainings / len(plan.models)


def measure_steps(plan: Plan, classes: int) -> dict[tuple[str, str], StepTime]:
    """Measure a few steps of each model and recipe of `plan`, in one process of their own.

    The result is empty if a model cannot be measured; its training will tell why.
    """
    candidates = [(model, recipe) for model in plan.models for recipe in plan.recipes]
    sizes = [
        (plan.size, training_size(RECIPES[recipe], plan.size, 0.0)) for _, recipe in candidates
    ]
    asked = [
        StepsOfTraining(
            model=model,
            size=size,
            classes=classes,
            batch=plan.batch,
            recipe=recipe,
            threads=plan.threads,
            device=plan.device,
            save_memory=plan.save_memory,
            precision=plan.precision,
            warmup_steps=WARMUP_STEPS,
            fewest_steps=FEWEST_STEPS,
            enough_seconds=SECONDS_OF_STEPS,
        )
        for (model, recipe), both in zip(candidates, sizes, strict=True)
        for size in both
    ]
    try:
        speeds = measure_trainings(asked)
    except subprocess.CalledProcessError:
        return {}
    seconds = [plan.batch / speed.images_per_second for speed in speeds]
    return {
        candidate: StepTime(size, full, smaller_size, smaller)
        for candidate, (size, smaller_size), full, smaller in zip(
            candidates, sizes, seconds[::2], seconds[1::2], strict=True
        )
    }


def training_seconds(
    step: StepTime, recipe: Recipe, *, epochs: int, batch: int, train: int, val: int
) -> float:
    """Return the time of a training on `train` images, with its evaluations on `val` images."""
    steps = max(1, train // batch)
    shares = [(place + 0.5) / PLACES for place in range(PLACES)]
    trained = evaluated = 0.0
    for share in shares:
        trained += step.at(training_size(recipe, step.size, share)) / PLACES
        evaluated += step.at(evaluation_size(recipe, step.size, share)) / PLACES
    evaluated *= val / batch / PASSES_OF_A_STEP
    at_the_end = step.at(step.size) * (train + val) / batch / PASSES_OF_A_STEP
    return epochs * (steps * trained + evaluated) + at_the_end + SECONDS_AROUND_A_TRAINING


def estimate_trainings(
    plan: Plan, steps: dict[tuple[str, str], StepTime], *, train: int, val: int
) -> dict[tuple[str, str], float]:
    """Return the seconds of one training of each model and recipe, a budget of epochs."""
    assert plan.epochs is not None
    return {
        (model, recipe): training_seconds(
            step,
            RECIPES[recipe],
            epochs=plan.epochs,
            batch=plan.batch,
            train=train,
            val=val,
        )
        for (model, recipe), step in steps.items()
    }


def seconds_after_trainings(plan: Plan, models: Sequence[str]) -> float:
    """Return the time of exports, latencies and the report after the trainings of `models`."""
    trainings = sum(trial.model in models for trial in plan.trials())
    exports = 0.0 if plan.engine == TORCH else SECONDS_OF_AN_EXPORT * trainings
    return exports + SECONDS_OF_A_LATENCY * len(models) + SECONDS_OF_THE_REPORT


def share_out(
    total_minutes: float, passed_seconds: float, plan: Plan, models: Sequence[str]
) -> float:
    """Return the minutes of each training of `models`, if all shall take `total_minutes`.

    `passed_seconds` have passed since the comparison began. A training gets at least a tenth of
    its equal part, if packing took nearly all of the time.
    """
    trainings = max(1, sum(trial.model in models for trial in plan.trials()))
    left = 60 * total_minutes - passed_seconds - seconds_after_trainings(plan, models)
    left -= SECONDS_AROUND_A_TRAINING * trainings
    return max(left, 6 * total_minutes) / 60 / trainings


def tell_durations(
    plan: Plan,
    data: DataSummary,
    costs: Mapping[str, Cost | None],
    models: Sequence[str],
    listener: Listener,
) -> None:
    """Tell `listener` how long the trainings of `models` will take, if that is not soon seen."""
    known = [costs[model] for model in models]
    if plan.minutes is not None or plan.stop_early:
        return
    if assumed_seconds(plan, data.train_images, known) < SECONDS_WORTH_MEASURING:
        return
    listener.working("measuring a few steps of each network")
    steps = measure_steps(plan.model_copy(update={"models": list(models)}), len(data.classes))
    if not steps:
        return
    each = estimate_trainings(plan, steps, train=data.train_images, val=data.val_images)
    repeats = plan.seeds * plan.folds
    total = repeats * sum(each.values()) + seconds_after_trainings(plan, models)
    candidates = {(trial.model, trial.recipe): trial.record.candidate for trial in plan.trials()}
    listener.estimated({candidates[key]: seconds for key, seconds in each.items()}, total)
