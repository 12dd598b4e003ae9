"""The preparation of a comparison: all that can be known, chosen and refused beforehand."""

from dataclasses import dataclass
from pathlib import Path

from keiryo.bench.weighing import weigh_model
from keiryo.comparison.beforehand.circumstances import look_at
from keiryo.comparison.beforehand.option_choice import choose
from keiryo.comparison.images.opening import OpenedImages, open_images
from keiryo.comparison.images.smallest_batch import check_batches
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan, fit_models
from keiryo.comparison.pretrained.pretrained import check_pretrained
from keiryo.comparison.rank import over_known_limits
from keiryo.data.image.fit import DEFAULT_SIZE
from keiryo.data.packs.packing import check_same_form, pack_bytes
from keiryo.data.sources.source import Source
from keiryo.errors import InputError
from keiryo.measure.engines import FAITHFUL, find_engine
from keiryo.models.spec import parse_spec
from keiryo.records.costs import Cost
from keiryo.records.speed import TORCH
from keiryo.run_folder import check_space
from keiryo.train.device import choose_device

TENSORS_OF_CHECKPOINT = 3  # times the number of weights: with the two moments of Adam


@dataclass(frozen=True)
class Prepared:
    """A plan that is possible, its images, the cost of each model, and the space all will take.

    The cost is None for a user's model that runs on its device alone. `over_limits` says of each
    model why it will not be trained, or None. `reasons` are those of the options that keiryo chose.
    """

    plan: Plan
    opened: OpenedImages
    costs: dict[str, Cost | None]
    over_limits: dict[str, str | None]
    disk_bytes: int
    reasons: dict[str, str]


def prepare(plan: Plan, out: Path, *, resume: bool, listener: Listener) -> Prepared:
    """Return `plan` with what was left to keiryo, after everything that may fail early was tried.

    Nothing is written, except files of a published set or of weights that are downloaded. Raises
    InputError if the plan is not possible.
    """
    plan = plan.model_copy(update={"device": choose_device(plan.device).type})
    if plan.budget == "processor" and plan.device != "cpu":
        raise InputError(
            f"--budget processor: a training on {plan.device} hardly uses the processor; "
            "add --device cpu, or leave it out"
        )
    find_engine(plan.engine, among=FAITHFUL)
    listener.working("looking through the images")
    opened = open_images(plan, out, resume=resume, progress=listener.downloading)
    source = opened.source
    reasons: dict[str, str] = {}
    if not resume:
        plan, reasons = _with_chosen_options(plan, source, listener)
    check_same_form(source, size=plan.size, fit=plan.fit)
    if plan.folds > 1 and any(item.split in ("val", "test") for item in source.items):
        raise InputError(
            f"--folds {plan.folds}: {plan.data} has a split of its own, which is kept; "
            "leave the option out"
        )
    listener.working("weighing the networks")
    costs = count_costs(plan, len(source.classes))
    over = {
        model: over_known_limits(cost, plan.limits, plan.engine) for model, cost in costs.items()
    }
    if all(over.values()) and not resume:
        raise InputError(
            f"{plan.models[0]}: {over[plan.models[0]]}, and no other model is within the limits"
        )
    check_batches(plan, len(source.classes))
    plan = check_pretrained(plan, len(source.classes), progress=listener.downloading)
    disk_bytes = _disk_bytes(plan, costs) + pack_bytes(source, plan.size)
    check_space(out, disk_bytes)
    return Prepared(plan, opened, costs, over, disk_bytes, reasons)


def count_costs(plan: Plan, classes: int) -> dict[str, Cost | None]:
    """Return the cost of each model; None for a user's model that runs on its device alone."""
    costs: dict[str, Cost | None] = {}
    for model in plan.models:
        spec = parse_spec(model)
        try:
            costs[model] = weigh_model(
                spec,
                (3, plan.size, plan.size),
                classes=classes,
                name=f"{model} at --size {plan.size}",
            )
        except InputError:
            if spec.factory is None or plan.device == "cpu":
                raise
            costs[model] = None
    return costs


def _with_chosen_options(
    plan: Plan, source: Source, listener: Listener
) -> tuple[Plan, dict[str, str]]:
    """Return `plan` with the options that were not given as they suit the images, and reasons."""
    if not plan.chosen:
        return plan, {}
    costs: dict[str, Cost | None] = {}
    if {"size", "epochs"} & set(plan.chosen):  # which depend on them
        listener.working("choosing what suits the images")
        at_default_size = fit_models(plan.model_copy(update={"size": DEFAULT_SIZE}))
        costs = count_costs(at_default_size, len(source.classes))
    choice = choose(
        plan.chosen,
        size=plan.size,
        batch=plan.batch,
        epochs=plan.epochs,
        circumstances=look_at(plan, source, costs.values()),
    )
    listener.options_chosen(choice.options, choice.reasons)
    return fit_models(plan.model_copy(update=choice.options)), choice.reasons


def _disk_bytes(plan: Plan, costs: dict[str, Cost | None]) -> int:
    sizes = [cost.size_bytes for cost in costs.values() if cost is not None]
    trained = len(plan.trials()) // len(plan.models)
    models = trained * sum(sizes)
    if plan.engine != TORCH:  # each is kept as an exported file, too
        models *= 2
    checkpoints = 2 * max(sizes, default=0)  # the last one, and the one being written
    if plan.stop_early:  # at a rung, all trials wait for each other
        checkpoints = models + max(sizes, default=0)
    return models + TENSORS_OF_CHECKPOINT * checkpoints
