"""The evidence of a training, which the checks examine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from keiryo.records.training import Epoch, LayerSnapshot, Snapshot

CHANCE_MARGIN = 0.03  # a loss within 3 % of ln(classes) is no better than guessing
EPOCHS_BEFORE_VERDICT = 5
STEPS_BEFORE_VERDICT = 120


@dataclass(frozen=True)
class HeldOut:
    """Probabilities (N, classes) and labels (N,) of images that were not trained on."""

    probabilities: np.ndarray
    labels: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        return self.probabilities.argmax(1)


@dataclass(frozen=True)
class Evidence:
    """A training's history and what was measured at its end.

    `train_accuracy` and `val_accuracy` are of the weights that are kept, in inference mode.
    `accuracy_by_batch_statistics` is the accuracy on training images if batch norm uses each
    batch's own statistics. None means not measured, as for a training that failed. `accumulate`
    is the number of parts of a batch. `has_paused` is true if part of the budget is unused.
    """

    classes: int
    batch: int
    history: Sequence[Epoch] = ()
    snapshots: Sequence[Snapshot] = ()
    train_accuracy: float | None = None
    val_accuracy: float | None = None
    accuracy_by_batch_statistics: float | None = None
    held_out: HeldOut | None = None
    waiting_share: float = 0.0
    failure: str | None = None
    has_paused: bool = False
    accumulate: int = 1
    recipe: str = "keiryo"
    class_names: Sequence[str] = ()

    def class_name(self, number: int) -> str:
        """Return the name of class `number`, from 0."""
        return f"'{self.class_names[number]}'" if self.class_names else f"class {number + 1}"

    @property
    def uses_own_recipe(self) -> bool:
        """True if the recipe is one of keiryo's own."""
        return self.recipe in ("keiryo", "long")

    @property
    def chance_loss(self) -> float:
        """The loss of guessing: ln of the number of classes."""
        return math.log(self.classes)

    @property
    def at_chance(self) -> bool:
        """True if the last epoch's training loss is no better than guessing."""
        if not self.history:
            return False
        return not self.history[-1].train_loss <= (1 - CHANCE_MARGIN) * self.chance_loss

    @property
    def is_long_enough(self) -> bool:
        """True if the training was long enough to be called a failure."""
        steps = self.snapshots[-1].step if self.snapshots else 0
        return len(self.history) >= EPOCHS_BEFORE_VERDICT and steps >= STEPS_BEFORE_VERDICT

    @property
    def skill(self) -> float:
        """Held-out accuracy scaled so that guessing is 0 (Cohen's kappa for even classes)."""
        chance = 1 / self.classes
        return ((self.val_accuracy or 0.0) - chance) / (1 - chance)


def layers_with_weights(snapshot: Snapshot) -> list[LayerSnapshot]:
    """Return the layers that have weights and a gradient, in the order they ran."""
    return [
        layer
        for layer in snapshot.layers
        if layer.kind == "weights" and layer.gradient_norm is not None and layer.weight_norm
    ]


def relative_gradient(layer: LayerSnapshot) -> float:
    """Return the norm of a layer's gradient over that of its weights."""
    return (layer.gradient_norm or 0.0) / (layer.weight_norm or math.inf)


def median_update(snapshot: Snapshot) -> float:
    """Return the relative change of the weights in the step: the median over layers."""
    updates = [layer.update_ratio for layer in layers_with_weights(snapshot)]
    return median([update for update in updates if update is not None] or [0.0])
