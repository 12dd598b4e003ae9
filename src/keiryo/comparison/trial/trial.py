"""One trial: a model of the plan trained, scored, diagnosed and saved."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import binomtest

from keiryo.comparison.plan import Plan, TrialPlan, pack_place
from keiryo.comparison.pretrained import start_of_trial
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.data.augmentation.amounts import changed_augmentation
from keiryo.data.image.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from keiryo.data.packs.channel_statistics import channel_statistics
from keiryo.data.packs.pack import open_pack
from keiryo.data.survey.split import Splits, split_images
from keiryo.files import write_text
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, save_model
from keiryo.models.spec import build
from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE
from keiryo.records.training import SnapshotFile
from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.device import choose_device, prepare_device
from keiryo.train.diagnosis import Evidence, HeldOut, diagnose
from keiryo.train.keras_defaults import KERAS_EPSILON
from keiryo.train.listener import Watcher
from keiryo.train.loop import Training
from keiryo.train.precision import computed_precision
from keiryo.train.recipe import RECIPES, Recipe, prepare_network
from keiryo.version import __version__

# Enough for an accuracy to within some three percent, at fifteen measurements a trial.
ROBUSTNESS_IMAGES = 1000
CHECKPOINT_FILE = "checkpoint.safetensors"
TRIAL_FILE = "trial.json"


def run_trial(
    out: Path,
    plan: Plan,
    trial_plan: TrialPlan,
    make_watcher: Callable[[Training], Watcher],
    *,
    until: float = 1.0,
) -> Trial:
    """Train what `trial_plan` says, from its checkpoint where there is one.

    Leaves the trial's record in its folder, and the trained model or, where the
    watcher wanted to stop, or only a share of the budget, `until`, was to be used, a
    checkpoint.
    """
    folder = out / trial_plan.folder
    device = choose_device(plan.device)
    prepare_device(device, threads=plan.threads)
    pack = open_pack(pack_place(out, plan), verify=False)
    splits = split_images(pack.survey, seed=plan.seed, fold=(trial_plan.fold or 1) - 1)
    mean, std = channel_statistics(pack.images, splits.train)
    preprocessing = Preprocessing(size=pack.header.size, fit=pack.header.fit, mean=mean, std=std)

    recipe = _recipe(plan, trial_plan)
    torch.manual_seed(trial_plan.seed)
    network = build(trial_plan.model, classes=len(pack.survey.classes))
    prepare_network(network, recipe)
    start = start_of_trial(
        plan, trial_plan.model, network, preprocessing, classes=len(pack.survey.classes)
    )
    preprocessing = start.preprocessing
    training = Training(
        network,
        ImageSet(pack.images, pack.labels, splits.train, splits.val, preprocessing),
        recipe=recipe,
        budget=Budget(plan.epochs, None if plan.minutes is None else plan.minutes * 60),
        batch=plan.batch,
        seed=trial_plan.seed,
        device=device,
        checkpoint=folder / CHECKPOINT_FILE,
        fine_tuning=start.fine_tuning,
        save_memory=plan.save_memory,
        parts=plan.accumulate,
    )
    trial = trial_plan.record
    trial.status = "done"
    trial.pretrained = start.pretrained
    trial.precision = computed_precision(network, device, recipe.precision)
    try:
        if not training.run(make_watcher(training), until=until) or until < 1.0:
            trial.status = "stopped"
    except FloatingPointError as error:
        trial.status = "failed"
        trial.error = str(error)
    trial.history = training.position.history
    trial.pauses = training.position.pauses
    snapshots = SnapshotFile(snapshots=training.position.snapshots)
    write_text(folder / SNAPSHOTS_FILE, snapshots.model_dump_json())
    evidence = evidence_of(plan, trial_plan, training.position, classes=pack.survey.classes)
    evidence = replace(
        evidence, failure=trial.error, has_paused=until < 1.0 and trial.has_paused_at(until)
    )
    trial.epochs = len(trial.history)
    trial.train_seconds = training.position.seconds
    trial.images_per_second = training.images_per_second()
    trial.waiting_share = round(training.waiting_share(), 4)
    trial.peak_memory_bytes = peak_memory_bytes(device.type)
    if trial.status == "done":
        probabilities = training.evaluation.probabilities(splits.val)
        write_held_out(folder, splits.val, probabilities)
        _score(trial, training, splits)
        evidence = replace(
            evidence,
            train_accuracy=trial.train_accuracy,
            val_accuracy=trial.val_accuracy,
            accuracy_by_batch_statistics=training.evaluation.accuracy_by_batch_statistics(
                _sample(splits.train, len(splits.val))
            ),
            held_out=HeldOut(probabilities, pack.labels[splits.val]),
        )
        if plan.robust:
            _measure_robustness(trial, training, splits, seed=plan.seed)
        description = SavedModel(
            keiryo_version=__version__,
            model=trial_plan.model,
            classes=pack.survey.classes,
            preprocessing=preprocessing,
            batch_norm_epsilon=KERAS_EPSILON if recipe.as_keras else None,
        )
        save_model(folder / MODEL_FILE, training.trained_network, description)
        trial.artifact_bytes = (folder / MODEL_FILE).stat().st_size
    trial.diagnosis = diagnose(evidence)
    write_text(folder / TRIAL_FILE, trial.model_dump_json(indent=2))
    if trial.status == "done":
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    return trial


def _recipe(plan: Plan, trial_plan: TrialPlan) -> Recipe:
    recipe = RECIPES[trial_plan.recipe]
    if plan.learning_rate is not None:
        rate = plan.learning_rate
        recipe = replace(recipe, learning_rate=rate, learning_rate_without_norm=rate)
    if plan.precision is not None:
        recipe = replace(recipe, precision=plan.precision)
    if plan.augment is not None:
        augmentation = changed_augmentation(recipe.augmentation, plan.augment)
        recipe = replace(recipe, augmentation=augmentation)
    return recipe


def evidence_of(
    plan: Plan, trial_plan: TrialPlan, position: Position, *, classes: Sequence[str]
) -> Evidence:
    """Return what the training of `trial_plan` that has come to `position` shows of itself."""
    return Evidence(
        classes=len(classes),
        class_names=classes,
        batch=plan.batch,
        accumulate=plan.accumulate,
        recipe=trial_plan.recipe,
        history=position.history,
        snapshots=position.snapshots,
        waiting_share=position.waiting_seconds / max(position.training_seconds, 1e-9),
    )


def _score(trial: Trial, training: Training, splits: Splits) -> None:
    # The last epoch ended with this very measurement.
    trial.val_accuracy = trial.history[-1].val_accuracy
    trial.val_images = len(splits.val)
    right = round(trial.val_accuracy * len(splits.val))
    interval = binomtest(right, len(splits.val)).proportion_ci(method="wilson")
    trial.val_accuracy_interval = (float(interval.low), float(interval.high))
    trial.train_accuracy = training.evaluation.score(
        _sample(splits.train, len(splits.val))
    ).accuracy
    if splits.test.size:
        trial.test_accuracy = training.evaluation.score(splits.test).accuracy
    if leaked := len(splits.leaked_val):
        hits = trial.val_accuracy * len(splits.val)
        hits += training.evaluation.score(splits.leaked_val).accuracy * leaked
        trial.val_accuracy_with_leaks = hits / (len(splits.val) + leaked)


def _measure_robustness(trial: Trial, training: Training, splits: Splits, *, seed: int) -> None:
    rows = _sample(splits.val, ROBUSTNESS_IMAGES)
    for kind in CORRUPTIONS:
        trial.robustness[kind] = [
            training.evaluation.score(
                rows,
                change=lambda images, step, kind=kind, strength=strength: corrupted(
                    images, kind, strength, seed=(seed, step)
                ),
            ).accuracy
            for strength in range(1, STRENGTHS + 1)
        ]
    trial.robust_accuracy = float(np.mean(list(trial.robustness.values())))


def _sample(rows: np.ndarray, count: int) -> np.ndarray:
    """Return `count` of the rows or more, evenly spread: enough for as exact an accuracy."""
    return rows[:: max(1, len(rows) // count)]
