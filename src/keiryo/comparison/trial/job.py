"""The job of a trial: everything that its training and its evaluation take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from keiryo.comparison.images.splitting import split_of_plan
from keiryo.comparison.plan import Plan, TrialPlan, pack_place
from keiryo.comparison.pretrained.pretrained import start_of_trial
from keiryo.data.augmentation.amounts import change_augmentation
from keiryo.data.packs.channel_statistics import channel_statistics
from keiryo.data.packs.pack import Pack, open_pack
from keiryo.data.survey.split import Splits
from keiryo.models.saved import Preprocessing
from keiryo.models.spec import build
from keiryo.records.comparison import Trial
from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.loss import class_weights
from keiryo.train.classification.task import ImageTask
from keiryo.train.device import choose_device, prepare_device
from keiryo.train.diagnosis import Evidence
from keiryo.train.fine_tuning import FineTuning
from keiryo.train.recipe import RECIPES, Recipe, prepare_network


@dataclass(frozen=True)
class TrialJob:
    """A network with its first weights, the images, and the settings of its training.

    `record` names the trial, `folder` is that of its files. `class_weights` (classes,) are those of
    the loss; None: all images count alike. `start_trained_on` are the marks of the images that the
    first weights were trained on. `robust_seed` is the seed of the
    corruptions; None: robustness is not measured.
    """

    folder: Path
    record: Trial
    pack: Pack
    splits: Splits
    preprocessing: Preprocessing
    network: nn.Module
    fine_tuning: FineTuning | None
    start_trained_on: frozenset[str]
    recipe: Recipe
    budget: Budget
    batch: int
    accumulate: int
    save_memory: bool
    class_weights: np.ndarray | None
    robust_seed: int | None
    device: torch.device

    def make_task(self) -> ImageTask:
        """Return the task of the training loop."""
        splits = self.splits
        return ImageTask(
            self.network,
            ImageSet(
                self.pack.images, self.pack.labels, splits.train, splits.val, self.preprocessing
            ),
            recipe=self.recipe,
            batch=self.batch,
            seed=self.record.seed,
            device=self.device,
            fine_tuning=self.fine_tuning,
            class_weights=self.class_weights,
            save_memory=self.save_memory,
            parts=self.accumulate,
        )


def prepare_job(out: Path, plan: Plan, trial_plan: TrialPlan) -> TrialJob:
    """Return the job of a trial of the comparison in `out`, its device set up for it."""
    device = choose_device(plan.device)
    prepare_device(device, threads=plan.threads)
    pack = open_pack(pack_place(out, plan), verify=False)
    classes = len(pack.survey.classes)
    splits = split_of_plan(plan, pack.survey, trial_plan.fold)
    mean, std = channel_statistics(pack.images, splits.train)
    recipe = _recipe(plan, trial_plan)
    torch.manual_seed(trial_plan.seed)
    network = build(trial_plan.model, classes=classes)
    prepare_network(network, recipe)
    preprocessing = Preprocessing(size=pack.header.size, fit=pack.header.fit, mean=mean, std=std)
    start = start_of_trial(plan, trial_plan.model, network, preprocessing, classes=classes)
    return TrialJob(
        folder=out / trial_plan.folder,
        record=trial_plan.record.model_copy(update={"pretrained": start.pretrained}),
        pack=pack,
        splits=splits,
        preprocessing=start.preprocessing,
        network=network,
        fine_tuning=start.fine_tuning,
        start_trained_on=start.trained_on,
        recipe=recipe,
        budget=Budget(
            plan.epochs,
            None if plan.minutes is None else plan.minutes * 60,
            plan.threads if plan.budget == "processor" else None,
        ),
        batch=plan.batch,
        accumulate=plan.accumulate,
        save_memory=plan.save_memory,
        class_weights=class_weights(pack.labels[splits.train], classes)
        if plan.class_weights
        else None,
        robust_seed=plan.seed if plan.robust else None,
        device=device,
    )


def gather_evidence(
    position: Position,
    *,
    classes: Sequence[str],
    recipe: str,
    batch: int,
    accumulate: int,
    **further: Any,
) -> Evidence:
    """Return the evidence for the diagnosis of a training at `position`.

    `further` are other fields of Evidence.
    """
    return Evidence(
        classes=len(classes),
        class_names=classes,
        batch=batch,
        accumulate=accumulate,
        recipe=recipe,
        history=position.history,
        snapshots=position.snapshots,
        waiting_share=position.waiting_seconds / max(position.training_seconds, 1e-9),
        **further,
    )


def _recipe(plan: Plan, trial_plan: TrialPlan) -> Recipe:
    recipe = RECIPES[trial_plan.recipe]
    if plan.learning_rate is not None:
        rate = plan.learning_rate
        recipe = replace(recipe, learning_rate=rate, learning_rate_without_norm=rate)
    if plan.precision is not None:
        recipe = replace(recipe, precision=plan.precision)
    if plan.augment is not None:
        augmentation = change_augmentation(recipe.augmentation, plan.augment)
        recipe = replace(recipe, augmentation=augmentation)
    return recipe
