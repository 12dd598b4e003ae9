"""The training loop: one for every device."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from keiryo.data.batches import Batch, TrainingBatches, plain_batches
from keiryo.models.saved import Preprocessing, channels_last, normalize
from keiryo.results import Epoch
from keiryo.train.checkpoint import Position, Trainee, load_checkpoint, save_checkpoint
from keiryo.train.device import mixed_precision
from keiryo.train.recipe import Recipe, learning_rate_factor, make_optimizer, peak_learning_rate

# A checkpoint is written when the time since the last one is this many times
# what writing it took, and at every stop.
CHECKPOINT_INTERVAL_FACTOR = 30
SHORTEST_CHECKPOINT_INTERVAL_SECONDS = 5.0


@dataclass(frozen=True)
class Budget:
    """What a training may take: a number of epochs, or seconds of wall time."""

    epochs: int | None = None
    seconds: float | None = None

    def share(self, position: Position, steps_per_epoch: int) -> float:
        """Return how much is used up, from 0 to 1."""
        if self.epochs is not None:
            done = position.epoch * steps_per_epoch + position.step
            return done / (self.epochs * steps_per_epoch)
        assert self.seconds is not None
        return min(1.0, position.seconds / self.seconds)


@dataclass(frozen=True)
class Pictures:
    """The pictures to train and measure on: rows of one array, and how they are prepared."""

    images: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    val: np.ndarray
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Progress:
    """Where a training is, for whoever watches it."""

    share: float
    epoch: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Watcher:
    """Who is told how the training goes, and may ask it to stop."""

    on_progress: Callable[[Progress], None] = lambda progress: None
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    wants_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy, in nats, and the share that is told apart rightly."""

    loss: float
    accuracy: float


class Sums:
    """Loss and hits summed on the device, so that no step waits for a figure."""

    def __init__(self, device: torch.device, loss_sum: float = 0.0, correct: int = 0) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._loss_sum = torch.tensor(loss_sum, device=device, dtype=dtype)
        self._correct = torch.tensor(correct, device=device)

    def add(self, mean_loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch with its mean loss, logits (N, classes) and labels (N,)."""
        self._loss_sum += mean_loss * len(labels)
        self._correct += (logits.argmax(1) == labels).sum()

    @property
    def loss_sum(self) -> float:
        return float(self._loss_sum)

    @property
    def correct(self) -> int:
        return int(self._correct)

    def score(self, count: int) -> Score:
        """Return the means over `count` pictures."""
        return Score(self.loss_sum / count, self.correct / count)


class Stopwatch:
    """Gives the seconds since it was last asked."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed


class Training:
    """One network being trained on one set of pictures.

    The network is changed in place. With `checkpoint`, the training goes on from
    the one at that path, if there is one, and leaves one there when it is stopped.
    """

    def __init__(
        self,
        network: nn.Module,
        pictures: Pictures,
        *,
        recipe: Recipe,
        budget: Budget,
        batch: int,
        seed: int,
        device: torch.device,
        checkpoint: Path | None = None,
    ) -> None:
        self.network = channels_last(network.to(device))
        self._pictures = pictures
        self._recipe = recipe
        self._budget = budget
        self._batch = batch
        self._device = device
        self._batches = TrainingBatches(
            pictures.images,
            pictures.labels,
            pictures.train,
            batch=batch,
            seed=seed,
            augmentation=recipe.augmentation,
        )
        self._peak = peak_learning_rate(network, recipe)
        self._trainee = Trainee(self.network, make_optimizer(self.network, recipe), device)
        self._checkpoint = checkpoint
        self._stopwatch = Stopwatch()
        self._next_checkpoint = SHORTEST_CHECKPOINT_INTERVAL_SECONDS
        self.position = Position()
        if checkpoint is not None:
            self.position = load_checkpoint(checkpoint, self._trainee) or self.position
            self._next_checkpoint += self.position.seconds

    def run(self, watcher: Watcher) -> bool:
        """Train until the budget is used up; return whether it was, or False if stopped.

        Raises FloatingPointError when the loss is no longer a number.
        """
        while self._share() < 1.0:
            if not self._run_epoch(watcher):
                return False
        return True

    def evaluate(self, rows: np.ndarray) -> Score:
        """Return how well the pictures `rows` are told apart, unvaried and in inference mode."""
        self.network.eval()
        sums = Sums(self._device)
        batches = plain_batches(
            self._pictures.images, self._pictures.labels, rows, batch=self._batch
        )
        with torch.inference_mode():
            for batch in batches:
                images, labels = self._to_device(batch)
                with mixed_precision(self._device):
                    logits = self.network(images)
                sums.add(functional.cross_entropy(logits.float(), labels), logits, labels)
        return sums.score(len(rows))

    def images_per_second(self) -> float:
        """Return the pictures trained on per second of training, evaluation apart."""
        position = self.position
        return position.pictures_seen / max(position.training_seconds, 1e-9)

    def _run_epoch(self, watcher: Watcher) -> bool:
        position = self.position
        sums = Sums(self._device, position.loss_sum, position.correct)
        self.network.train()
        self._stopwatch.lap()
        for batch in self._batches.epoch(position.epoch, first_step=position.step):
            self._step(batch, sums)
            position.step += 1
            position.pictures_seen += len(batch.labels)
            position.training_seconds += self._stopwatch.lap()
            watcher.on_progress(self._progress())
            if self._share() >= 1.0:
                break
            stops = watcher.wants_stop()
            if stops or position.seconds > self._next_checkpoint:
                self._save(sums)
            if stops:
                return False
        self._finish_epoch(sums, watcher)
        return True

    def _step(self, batch: Batch, sums: Sums) -> None:
        rate = self._peak * learning_rate_factor(self._recipe, self._share())
        self.position.learning_rate = rate
        for group in self._trainee.optimizer.param_groups:
            group["lr"] = rate
        images, labels = self._to_device(batch)
        with mixed_precision(self._device):
            logits = self.network(images)
        loss = functional.cross_entropy(
            logits.float(), labels, label_smoothing=self._recipe.label_smoothing
        )
        self._trainee.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self._recipe.largest_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.largest_gradient_norm)
        self._trainee.optimizer.step()
        sums.add(loss.detach(), logits.detach(), labels)

    def _to_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(batch.images).to(self._device, non_blocking=True)
        labels = torch.from_numpy(batch.labels).to(self._device, non_blocking=True)
        # (N, H, W, C) seen as (N, C, H, W) is channels_last as it lies.
        return normalize(images.permute(0, 3, 1, 2), self._pictures.preprocessing), labels

    def _finish_epoch(self, sums: Sums, watcher: Watcher) -> None:
        position = self.position
        seen = position.step * self._batches.batch
        if not math.isfinite(sums.score(seen).loss):
            raise FloatingPointError(
                f"the loss was no longer a number in epoch {position.epoch + 1}"
            )
        held_out = self.evaluate(self._pictures.val)
        position.evaluation_seconds += self._stopwatch.lap()
        trained = sums.score(seen)
        epoch = Epoch(
            epoch=position.epoch + 1,
            train_loss=trained.loss,
            train_accuracy=trained.accuracy,
            val_loss=held_out.loss,
            val_accuracy=held_out.accuracy,
            learning_rate=position.learning_rate,
            seconds=position.seconds - position.epoch_started_at_seconds,
        )
        position.history.append(epoch)
        position.epoch += 1
        position.step, position.loss_sum, position.correct = 0, 0.0, 0
        position.epoch_started_at_seconds = position.seconds
        watcher.on_epoch(epoch)

    def _share(self) -> float:
        return self._budget.share(self.position, self._batches.steps)

    def _progress(self) -> Progress:
        share = self._share()
        return Progress(
            share=share,
            epoch=self.position.epoch + 1,
            images_per_second=self.images_per_second(),
            seconds_left=self.position.seconds * (1.0 - share) / share,
        )

    def _save(self, sums: Sums) -> None:
        if self._checkpoint is None:
            return
        self.position.loss_sum, self.position.correct = sums.loss_sum, sums.correct
        save_checkpoint(self._checkpoint, self._trainee, self.position)
        took = self._stopwatch.lap()
        self.position.saving_seconds += took
        self._next_checkpoint = self.position.seconds + max(
            SHORTEST_CHECKPOINT_INTERVAL_SECONDS, CHECKPOINT_INTERVAL_FACTOR * took
        )
