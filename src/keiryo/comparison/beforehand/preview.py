"""The preview of a comparison, which trains nothing and writes nothing."""

from pathlib import Path

from keiryo.bench.weighing import weigh_model
from keiryo.comparison.beforehand.circumstances import training_images
from keiryo.comparison.beforehand.duration import (
    estimate_trainings,
    measure_steps,
    seconds_after_trainings,
)
from keiryo.comparison.beforehand.preparation import Prepared, prepare
from keiryo.comparison.beforehand.preview_record import CandidatePreview, Preview
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan
from keiryo.errors import InputError
from keiryo.models.spec import parse_spec


def preview_comparison(plan: Plan, out: Path, listener: Listener) -> Preview:
    """Return what a new comparison by `plan` in the folder `out` would do.

    A few training steps of each candidate are measured, on random images. Raises InputError if the
    plan is not possible.
    """
    prepared = prepare(plan, out, resume=False, listener=listener)
    plan, source = prepared.plan, prepared.opened.source
    train = training_images(source)
    held_out = len(source.items) - train
    models = [model for model, over in prepared.over_limits.items() if over is None]
    seconds: dict[tuple[str, str], float] = {}
    if plan.minutes is None:
        listener.working("measuring a few steps of each network")
        steps = measure_steps(plan.model_copy(update={"models": models}), len(source.classes))
        seconds = estimate_trainings(plan, steps, train=train, val=held_out)
    else:
        seconds = {(m, r): 60 * plan.minutes for m in models for r in plan.recipes}
    trainings = [trial for trial in plan.trials() if trial.model in models]
    total = None
    if plan.total_minutes is not None:
        total = 60 * plan.total_minutes
    elif seconds:
        total = sum(seconds[trial.model, trial.recipe] for trial in trainings)
        total += seconds_after_trainings(plan, models)
    return Preview(
        data=source.name,
        images=len(source.items),
        classes=list(source.classes),
        train_images=train,
        held_out_images=held_out,
        **plan.model_dump(
            include={"size", "batch", "epochs", "minutes", "total_minutes", "seeds", "folds"}
        ),
        device=plan.device,
        threads=plan.threads,
        chosen=prepared.reasons,
        candidates=[
            _preview_of(model, recipe, prepared, seconds.get((model, recipe)))
            for model in plan.models
            for recipe in plan.recipes
        ],
        trainings=len(trainings),
        total_seconds=total,
        disk_bytes=prepared.disk_bytes,
    )


def _preview_of(
    model: str, recipe: str, prepared: Prepared, seconds: float | None
) -> CandidatePreview:
    cost = prepared.costs[model]
    over = prepared.over_limits[model]
    return CandidatePreview(
        model=model,
        recipe=recipe,
        parameters=cost and cost.parameters,
        macs=cost and cost.macs,
        size_bytes=cost and cost.size_bytes,
        train_seconds=seconds,
        memory_bytes=None if cost is None or over else _memory_of_a_step(model, prepared),
        not_trained_because=over,
    )


def _memory_of_a_step(model: str, prepared: Prepared) -> int | None:
    plan = prepared.plan
    images = -(-plan.batch // plan.accumulate)
    try:
        weighing = weigh_model(
            parse_spec(model),
            (3, plan.size, plan.size),
            classes=len(prepared.opened.source.classes),
            batch=images,
            training=True,
        )
    except InputError:
        return None
    step = weighing.training
    if step is None:
        return None
    return (
        weighing.size_bytes
        + step.gradient_bytes
        + step.optimizer_bytes["Adam"]
        + step.saved_activation_bytes
    )
