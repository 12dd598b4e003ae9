"""The plan of a comparison, written into `plan.json` so that it can be resumed."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from keiryo.comparison.options import ComparisonOptions
from keiryo.comparison.pretrained_option import (
    IMAGENET,
    check_published,
    with_absolute_paths,
)
from keiryo.data.augmentation.amounts import Augmentation, change_augmentation
from keiryo.data.image.fit import DEFAULT_SIZE
from keiryo.data.locate import is_named_set
from keiryo.data.packs.pack import is_pack, open_pack
from keiryo.data.sources.storage import is_url
from keiryo.data.survey.folds import SplitBy
from keiryo.errors import InputError
from keiryo.measure.engines import default_engine
from keiryo.measure.machine import usable_cores
from keiryo.models.spec import fit_to_size, parse_spec, source_file
from keiryo.models.weights.imagenet_weights import have_published_weights
from keiryo.plan_option import flag_of, validate_plan
from keiryo.records.comparison import Limits, Trial
from keiryo.records.places import (
    CURVES_FOLDER,
    LATEX_FILE,
    MARKDOWN_FILE,
    MLFLOW_FOLDER,
    REPORT_FILE,
    RESULTS_FILE,
    TABLE_FILE,
    TENSORBOARD_FOLDER,
    THUMBNAILS_FILE,
)
from keiryo.run_folder import RunFolder
from keiryo.train.fine_tuning import DEFAULT_FINE_TUNE
from keiryo.train.recipe import RECIPES

FORMAT_VERSION = 1
PLAN_FILE = "plan.json"
HALVING_FILE = "halving.json"
TRIALS_FOLDER = "trials"
PACK_FOLDER = "pack"
# What --force removes; a pack is kept.
RESULTS = (
    RESULTS_FILE,
    TABLE_FILE,
    REPORT_FILE,
    MARKDOWN_FILE,
    LATEX_FILE,
    THUMBNAILS_FILE,
    HALVING_FILE,
    TRIALS_FOLDER,
    CURVES_FOLDER,
    TENSORBOARD_FOLDER,
    MLFLOW_FOLDER,
)
LARGEST_SLUG = 80

DEFAULT_MODELS = [
    *("mobilenet_v2:width=0.5", "mobilenet_v1:width=0.5", "mobilenet_v3_small"),
    "resnet18:width=0.5",
]
BUDGET = ("epochs", "minutes", "total_minutes")
# Chosen for the set and the machine (`keiryo.comparison.beforehand`) where they are not given.
CHOSEN = ("size", "batch", "epochs", "recipe")
# The course's experiment, by the reported recipe and by keiryo's.
PRESETS: dict[str, dict[str, Any]] = {
    "course": {
        "models": ["mobilenet_v2:width=0.5", "vgg16"],
        "recipe": "reported,keiryo",
        "epochs": 40,
    },
}
# Until they are chosen; a preset keeps them.
DATA_DEFAULTS: dict[str, Any] = {"size": DEFAULT_SIZE, "batch": 128, "epochs": 30}
# By epochs, so that its figures do not depend on how fast or busy the machine is.
DEMO_DEFAULTS: dict[str, Any] = {
    "data": "petals:count=2000",
    "models": ["mobilenet_v2:width=0.5", "resnet18", "mobilenet_v1:width=0.5"],
    "size": 64,
    "batch": 32,
    "epochs": 10,
}


@dataclass(frozen=True)
class TrialPlan:
    """One model, recipe, seed and fold, and the folder it is trained in, within the comparison.

    `fold` is the number of the fifth that is held out, from 1; None: there is only one split.
    `is_one_of_recipes` says whether the comparison has several recipes.
    """

    model: str
    recipe: str
    is_one_of_recipes: bool
    seed: int
    fold: int | None
    folder: str

    @property
    def record(self) -> Trial:
        """The trial's record before the trial runs."""
        return Trial(
            model=self.model,
            recipe=self.recipe if self.is_one_of_recipes else None,
            seed=self.seed,
            fold=self.fold,
            status="stopped",
            folder=self.folder,
        )


class Plan(ComparisonOptions):
    """All that the figures of a comparison depend on, except its input data.

    The budget of each model is either `epochs` or `minutes`. With `total_minutes`, these are its
    equal part of what is left when the trainings begin. `chosen` names the options that were not
    given, for keiryo to choose. `pretrained_digests` are those of
    the files that `pretrained` names, as they were when the comparison began. `preset` is kept
    only for a resume: the other fields hold what it stands for.
    """

    format_version: int = FORMAT_VERSION
    preset: str | None = None
    chosen: list[str] = []
    data: str
    models: list[str] = Field(min_length=1)
    pretrained_digests: dict[str, str] = {}
    # Plans of earlier versions lack it, and their trials must keep their split.
    split_by: SplitBy = "order"
    # If the data is a pack, which is used in place: that of its content.
    data_fingerprint: str | None = None

    @property
    def limits(self) -> Limits:
        return Limits(
            max_latency_ms=self.max_latency_ms,
            max_size_mb=self.max_size_mb,
            max_params=self.max_params,
        )

    @property
    def candidates(self) -> int:
        """Number of candidates: models times recipes."""
        return len(self.models) * len(self.recipes)

    @property
    def recipes(self) -> list[str]:
        """The names of the recipes."""
        return self.recipe.split(",")

    def trials(self) -> list[TrialPlan]:
        """Return the trials in the order they run: every model once, then the next fold or seed."""
        recipes = self.recipes
        return [
            TrialPlan(
                model,
                recipe,
                len(recipes) > 1,
                seed,
                fold,
                f"{TRIALS_FOLDER}/{_slug(model)}"
                + (f"-{recipe}" if len(recipes) > 1 else "")
                + f"-seed{seed}"
                + (f"-fold{fold}" if fold else ""),
            )
            for seed in range(self.seed, self.seed + self.seeds)
            for fold in (range(1, self.folds + 1) if self.folds > 1 else (None,))
            for recipe in recipes
            for model in self.models
        ]


def make_plan(given: Mapping[str, Any], *, preset: str | None = None) -> Plan:
    """Return the plan of a new comparison from the `given` options and the defaults.

    `preset` names other defaults. Without `data`, the plan is the demonstration: models that learn
    the built-in set in a minute or two. Raises InputError for values
    that are not possible.
    """
    defaults = DATA_DEFAULTS if "data" in given else DEMO_DEFAULTS
    budget = [name for name in BUDGET if name in given]
    if len(budget) > 1:
        flags = " and ".join(flag_of(ComparisonOptions, name) for name in budget)
        number = "two" if len(budget) == 2 else "three"
        raise InputError(f"{flags}: give one of the {number}")
    chosen = [name for name in CHOSEN if name not in given] if "data" in given else []
    if "data" in given and is_pack(given["data"]):
        header = open_pack(given["data"], verify=False).header
        defaults = {**defaults, "size": header.size, "fit": header.fit}
        chosen = [name for name in chosen if name != "size"]
    if preset is not None:
        if preset not in PRESETS:
            raise InputError(f"--preset {preset}: give {' or '.join(PRESETS)}")
        defaults = {**defaults, **PRESETS[preset]}
        chosen = []
    if "epochs" not in given and budget:
        chosen = [name for name in chosen if name not in ("epochs", "recipe")]
    if "pretrained" in given:  # the stronger augmentation is for trainings from scratch
        chosen = [name for name in chosen if name != "recipe"]
    options = {key: value for key, value in defaults.items() if key not in BUDGET or not budget}
    defaults = {"models": DEFAULT_MODELS, "threads": usable_cores(), "engine": default_engine()}
    options = {**defaults, **options, **given}
    if options.get("pretrained") == IMAGENET and "models" not in given:
        options["models"] = have_published_weights(options["models"])
    plan = validate_plan(Plan, options)
    _check_recipes(plan.recipe)
    if plan.stop_early and plan.candidates < 2:
        raise InputError(
            "--stop-early: drops the worse half of the candidates; name at least two with "
            "--models or --recipe, or leave it out"
        )
    if plan.budget == "processor" and plan.minutes is None:
        raise InputError("--budget processor: says what --minutes counts; add --minutes")
    if plan.accumulate > plan.batch:
        raise InputError(
            f"--accumulate {plan.accumulate}: a batch of {plan.batch} cannot be cut into so many "
            "parts; give fewer, or a larger --batch"
        )
    if plan.augment is not None:
        change_augmentation(Augmentation(), plan.augment)
    models = _models_with_absolute_paths(plan.models)
    update: dict[str, Any] = {
        "data": _with_absolute_path(plan.data),
        "models": models,
        "preset": preset,
        "chosen": chosen,
        "split_by": "content",
    }
    if plan.total_minutes is not None:
        update["minutes"] = plan.total_minutes / len(plan.trials())
    if plan.pretrained is not None:
        renamed = dict(zip(plan.models, models, strict=True))
        update["pretrained"] = with_absolute_paths(plan.pretrained, renamed)
        update["fine_tune"] = plan.fine_tune or DEFAULT_FINE_TUNE
    elif plan.fine_tune is not None:
        raise InputError(f"--fine-tune {plan.fine_tune}: needs the weights; add --pretrained PATH")
    plan = plan.model_copy(update=update)
    if "size" not in chosen:
        return fit_models(plan)
    if plan.pretrained is not None:
        check_published(plan.pretrained, plan.models)
    return plan


def fit_models(plan: Plan) -> Plan:
    """Return `plan` with the options of its models that fit the size of the images.

    Raises InputError if two models become the same, or have no weights of the kind asked for.
    """
    fitted = [str(fit_to_size(parse_spec(model), plan.size)) for model in plan.models]
    for model in fitted:
        if fitted.count(model) > 1:
            raise InputError(f"--models: {model} is named twice")
    update: dict[str, Any] = {"models": fitted}
    if plan.pretrained is not None:
        renamed = dict(zip(plan.models, fitted, strict=True))
        update["pretrained"] = with_absolute_paths(plan.pretrained, renamed)
        check_published(update["pretrained"], fitted)
    return plan.model_copy(update=update)


def resume_plan(given: Mapping[str, Any], out: Path, *, preset: str | None = None) -> Plan:
    """Return the plan of the comparison in `out`.

    Options that change no training may be given anew, and so may the place of the images. Raises
    InputError if there is none, or if another option that is given again differs.
    """
    folder = comparison_folder(out)
    plan = folder.read_plan(Plan)
    # Recipe, pretrained weights and size are read together with the models.
    together: dict[str, Any] = {"recipe": plan.recipe, "size": plan.size}
    if plan.pretrained is not None:
        together["pretrained"] = plan.pretrained
    options = {"data": plan.data, "models": plan.models, **together, **given}
    again = make_plan(options, preset=preset)
    keys = [key for key in given if not (key == "device" and again.device == "auto")]
    free = _free_options(plan, out, again)
    fixed = [key for key in keys if key not in free]
    folder.check_same([*fixed, *(["preset"] if preset is not None else [])], plan, again)
    return plan.model_copy(update={key: getattr(again, key) for key in keys if key in free})


def _free_options(plan: Plan, out: Path, again: Plan) -> set[str]:
    """Return the options that may differ from those that `plan` was begun with."""
    free = {"max_latency_ms", "wait_for_quiet", "engine"}
    if not plan.stop_early:  # which drops candidates by what the others did
        free |= {"max_size_mb", "max_params"}
    if plan.budget != "processor":  # of which each thread has its share
        free.add("threads")
    # The images may have moved: the pack tells whether they are the same.
    places = (plan.data, again.data)
    if is_pack(out / PACK_FOLDER) and not any(is_named_set(p) or is_pack(p) for p in places):
        free.add("data")
    return free


def _check_recipes(recipe: str) -> None:
    names = recipe.split(",")
    for name in names:
        if name not in RECIPES:
            raise InputError(
                f"--recipe {recipe}: give one or several of {', '.join(sorted(RECIPES))}, "
                "separated by commas"
            )
        if names.count(name) > 1:
            raise InputError(f"--recipe {recipe}: {name} is named twice")


def _with_absolute_path(data: str) -> str:
    """Return the path `data` as an absolute one; names and URLs unchanged."""
    return data if is_named_set(data) or is_url(data) else str(Path(data).resolve())


def _models_with_absolute_paths(models: Sequence[str]) -> list[str]:
    found: list[str] = []
    for model in models:
        spec = parse_spec(model)
        file = source_file(spec)
        found.append(str(spec if file is None else replace(spec, name=str(file.resolve()))))
    return found


def pack_place(out: Path, plan: Plan) -> str:
    """Return the place of the comparison's pack: that given as data, or its own in `out`."""
    return plan.data if is_pack(plan.data) else str(out / PACK_FOLDER)


def comparison_folder(out: Path) -> RunFolder:
    """Return `out` as the folder of a comparison."""
    return RunFolder(out, "comparison", PLAN_FILE, RESULTS)


def read_plan(out: Path) -> Plan:
    """Return the plan of the comparison in `out`; raise InputError if there is none."""
    return comparison_folder(out).read_plan(Plan)


def _slug(model: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9._=-]+", "-", model).strip("-.")
    if slug == model.replace(":", "-").replace(",", "-") and len(slug) <= LARGEST_SLUG:
        return slug
    # A user's own path is shortened; a digest keeps it distinct.
    digest = hashlib.blake2b(model.encode(), digest_size=4).hexdigest()
    return f"{slug[-LARGEST_SLUG:].strip('-.')}-{digest}"
