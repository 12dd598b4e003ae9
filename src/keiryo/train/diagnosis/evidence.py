"""The evidence of a training, which the checks examine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from keiryo.records.training import Epoch, LayerSnapshot, Snapshot

CHANCE_MARGIN = 0.03  # a loss within 3 % of guessing's is no better than that
SKILLED = 0.5
SMALL_RATE = 0.1
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

    @property
    def is_skilled(self) -> bool:
        """True if at most half of the errors of always naming the largest class are made."""
        if not len(self.labels):
            return False
        baseline = np.bincount(self.labels).max() / len(self.labels)
        accuracy = (self.predicted == self.labels).mean()
        return bool(1 - accuracy <= SKILLED * (1 - baseline))


@dataclass(frozen=True)
class Evidence:
    """A training's history and what was measured at its end.

    `train_accuracy` and `val_accuracy` are of the weights that are kept, in inference mode.
    `accuracy_by_batch_statistics` is the accuracy on training images if batch norm uses each
    batch's own statistics. None means not measured, as for a training that failed. `accumulate`
    is the number of parts of a batch. `has_paused` is true if part of the budget is unused, since
    candidates were compared, and `was_stopped` if the user stopped the training. `class_shares` are
    the shares of the classes in the loss; empty: all are equal. `cropped_share` is the share of the
    images' area that --fit crop cut off.
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
    class_shares: Sequence[float] = ()
    train_images: int | None = None
    steps_per_epoch: int | None = None
    was_stopped: bool = False
    cropped_share: float = 0.0

    def class_name(self, number: int) -> str:
        """Return the name of class `number`, from 0."""
        return f"'{self.class_names[number]}'" if self.class_names else f"class {number + 1}"

    @property
    def uses_own_recipe(self) -> bool:
        """True if the recipe is one of keiryo's own."""
        return self.recipe in ("keiryo", "long")

    @property
    def chance_loss(self) -> float:
        """The loss of guessing by the shares of the classes: their entropy."""
        if not self.class_shares:
            return math.log(self.classes)
        return -sum(share * math.log(share) for share in self.class_shares if share > 0)

    @property
    def schedule_has_ended(self) -> bool:
        """True if the learning rate fell to a tenth of its peak by the end."""
        rates = [epoch.learning_rate for epoch in self.history]
        return bool(rates) and rates[-1] <= SMALL_RATE * max(rates)

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
