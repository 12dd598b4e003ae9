"""The training loop: one for every device."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from keiryo.data.batches.batches import Batch
from keiryo.data.batches.device_batches import DeviceBatch, to_device
from keiryo.models.saved import channels_last
from keiryo.nn.recomputation import recomputed_activations
from keiryo.records.training import Epoch, Pause
from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position, Trainee, load_checkpoint, save_checkpoint
from keiryo.train.classification.evaluation import Evaluation, inputs_of, takes_size
from keiryo.train.classification.image_set import ImageSet, training_batches
from keiryo.train.classification.scores import Score, Sums, mixed_loss
from keiryo.train.fine_tuning import FineTuning
from keiryo.train.listener import Progress, Watcher
from keiryo.train.optimizer.averaging import WeightAverage
from keiryo.train.optimizer.without_compiler import make_step
from keiryo.train.precision import Surroundings, mixed_precision
from keiryo.train.recipe import (
    Recipe,
    evaluation_size,
    learning_rate_factor,
    make_optimizer,
    peak_learning_rate,
    training_size,
)
from keiryo.train.stopwatch import Stopwatch
from keiryo.train.watching.finite import first_non_finite
from keiryo.train.watching.step_watch import StepWatch, is_watched, keep

# A checkpoint is written when the time since the last one is this many times
# what writing it took, and at every stop.
CHECKPOINT_INTERVAL_FACTOR = 30
SHORTEST_CHECKPOINT_INTERVAL_SECONDS = 5.0
# How many times as long the last evaluation, in float32, takes as the others in bfloat16.
FLOAT32_COST = 1.7


class Training:
    """One network being trained on one set of images.

    The network is changed in place. With `checkpoint`, the training goes on from
    the one at that path, if there is one, and leaves one there when it is stopped.
    With `fine_tuning`, made of the same network, a part of it is frozen for a while.

    Two ways to take less memory: `save_memory` works activations out again instead of
    keeping them, which changes no bit; `parts` cuts each batch into so many that go
    through the network one after the other before the step is made, and batch norm's
    statistics are then those of a part.
    """

    def __init__(
        self,
        network: nn.Module,
        image_set: ImageSet,
        *,
        recipe: Recipe,
        budget: Budget,
        batch: int,
        seed: int,
        device: torch.device,
        checkpoint: Path | None = None,
        fine_tuning: FineTuning | None = None,
        save_memory: bool = False,
        parts: int = 1,
    ) -> None:
        self._saves_memory = save_memory
        self._parts = parts
        self._fine_tuning = fine_tuning
        self.network = channels_last(network.to(device))
        self._parameters = list(self.network.parameters())
        self._image_set = image_set
        self._recipe = recipe
        self._budget = budget
        self._batch = batch
        self._device = device
        self._batches = training_batches(
            image_set, batch=batch, seed=seed, augmentation=recipe.augmentation, device=device
        )
        self._peak = peak_learning_rate(network, recipe)
        self._mixed_precision = mixed_precision(self.network, device, recipe.precision)
        average = (
            WeightAverage(self.network, recipe.average_epochs * self._batches.steps)
            if recipe.average_epochs
            else None
        )
        self._trainee = Trainee(self.network, make_optimizer(self.network, recipe), device, average)
        self._checkpoint = checkpoint
        self._until = 1.0
        smallest = training_size(recipe, image_set.images.shape[1], 0.0)
        self._takes_any_size = takes_size(self.network, smallest, device)
        self._stopwatch = Stopwatch()
        self._forward_seconds = 0.0  # of the last step
        self._next_checkpoint = SHORTEST_CHECKPOINT_INTERVAL_SECONDS
        self.position = Position()
        if checkpoint is not None:
            self.position = load_checkpoint(checkpoint, self._trainee) or self.position
            self._next_checkpoint += self.position.seconds

    @property
    def trained_network(self) -> nn.Module:
        """The network to evaluate and keep: of averaged weights where the recipe averages."""
        average = self._trainee.average
        return self.network if average is None else average.network

    def run(self, watcher: Watcher, *, until: float = 1.0) -> bool:
        """Train until the share `until` of the budget is used up; return False if stopped.

        Of a smaller share than 1, at the first step that reaches it, it leaves a checkpoint
        and a Pause in the position. The schedule is that of the whole budget, so a training
        that goes on after a pause comes to the same bits as one without. Raises
        FloatingPointError when the loss is no longer a number.
        """
        self._until = until
        while not self._has_paused() and (self._share() < until or self._ends_epoch()):
            if not self._run_epoch(watcher):
                return False
        if until < 1.0 and not self._has_paused():
            self._pause(Sums(self._device, self.position.loss_sum, self.position.correct))
        return True

    @property
    def evaluation(self) -> Evaluation:
        """The trained network looking at the images of this training, in float32."""
        return self._evaluation(nullcontext)

    def _evaluation(self, surroundings: Surroundings) -> Evaluation:
        return Evaluation(
            self.trained_network,
            self._image_set,
            batch=max(1, self._batch // self._parts),
            device=self._device,
            surroundings=surroundings,
        )

    def images_per_second(self) -> float:
        """Return the images trained on per second of training, evaluation apart."""
        position = self.position
        return position.pictures_seen / max(position.training_seconds, 1e-9)

    def waiting_share(self) -> float:
        """Return the share, from 0 to 1, of the training time that was spent waiting for images.

        Where a GPU still computes while the next batch is made, it is an upper bound.
        """
        position = self.position
        return position.waiting_seconds / max(position.training_seconds, 1e-9)

    def _run_epoch(self, watcher: Watcher) -> bool:
        position = self.position
        sums = Sums(self._device, position.loss_sum, position.correct)
        self.network.train()
        self._stopwatch.lap()
        for batch in self._awaited(self._batches.epoch(position.epoch, first_step=position.step)):
            self._step(batch, sums)
            position.step += 1
            position.pictures_seen += len(batch.labels)
            position.last_step_seconds = self._stopwatch.lap()
            position.training_seconds += position.last_step_seconds
            self._expect_evaluation()
            watcher.on_progress(self._progress())
            if self._share() >= 1.0:
                break
            if self._share() >= self._until and not self._ends_epoch():
                self._pause(sums)
                return True
            stops = watcher.wants_stop()
            if stops or position.seconds > self._next_checkpoint:
                self._save(sums)
            if stops:
                return False
        self._finish_epoch(sums, watcher)
        return True

    def _awaited(
        self, batches: Iterator[Batch] | Iterator[DeviceBatch]
    ) -> Iterator[Batch | DeviceBatch]:
        """Yield `batches`, and add up how long each was waited for."""
        while True:
            stopwatch = Stopwatch()
            batch = next(batches, None)
            self.position.waiting_seconds += stopwatch.lap()
            if batch is None:
                return
            yield batch

    def _step(self, batch: Batch | DeviceBatch, sums: Sums) -> None:
        share, step = self._share(), self._steps_done()
        if self._fine_tuning is None:
            rate = self._peak * learning_rate_factor(self._recipe, share)
        else:
            rate = self._peak * self._fine_tuning.begin_step(self._recipe, share)
        self.position.learning_rate = rate
        optimizer = self._trainee.optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate
        snapshots = self.position.snapshots
        watch = StepWatch(self.network, optimizer) if is_watched(step, snapshots) else None
        on_device = to_device(batch, self._device) if isinstance(batch, Batch) else batch
        optimizer.zero_grad(set_to_none=True)
        self._forward_seconds = 0.0
        loss = torch.zeros((), device=self._device)
        for number, part in enumerate(on_device.parts(self._parts)):
            # All parts but the first would count as further batches of a watched norm.
            weight = len(part.labels) / len(on_device.labels)
            loss += weight * self._add_gradients(part, weight, watch if number == 0 else None, sums)
        if watch:
            watch.after_backward()
        if self._recipe.largest_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._recipe.largest_gradient_norm)
        make_step(optimizer)
        if watch:
            snapshot = watch.after_step(
                epoch=self.position.epoch + 1,
                step=step,
                loss=loss,
                learning_rate=rate,
                batch=self._batches.batch,
            )
            keep(snapshots, snapshot)
        if self._trainee.average is not None:
            self._trainee.average.update(step + 1)

    def _add_gradients(
        self, part: DeviceBatch, weight: float, watch: StepWatch | None, sums: Sums
    ) -> Tensor:
        """Add those of a part of a batch, `weight` of it, to the parameters'; return its loss."""
        inputs = inputs_of(part, self._image_set, self._size(training_size))
        with (
            self._mixed_precision(),
            watch.watched_forward() if watch else nullcontext(),
            recomputed_activations() if self._saves_memory else nullcontext(),
        ):
            stopwatch = Stopwatch()
            logits = self.network(inputs)
            self._forward_seconds += stopwatch.lap()
        loss = mixed_loss(logits.float(), part, self._recipe.label_smoothing)
        # Elsewhere than on the processor, to look is to wait for the step to end.
        if (watch or self._device.type == "cpu") and not loss.isfinite():
            self._fail(inputs)
        (loss * weight).backward()
        sums.add(loss.detach(), logits.detach(), part.labels)
        return loss.detach()

    def _expect_evaluation(self) -> None:
        # Until one was measured. Elsewhere than on the processor a forward pass is only asked for
        # in its time; a step goes forward, and back for twice as long, but of a network of many
        # weights and few images the optimiser takes most of it.
        position = self.position
        if not position.history:
            steps = len(self._image_set.val) / self._batches.batch
            is_cpu = self._device.type == "cpu"
            forward_seconds = self._forward_seconds if is_cpu else position.last_step_seconds / 3
            self._expect_evaluation_of(steps * forward_seconds, self._size(training_size))

    def _expect_evaluation_of(self, seconds: float, size: int | None) -> None:
        """Expect the last evaluation to take as long as one at `size` would, of `seconds`."""
        cost = 1.0 if self._mixed_precision is nullcontext else FLOAT32_COST
        growth = 1.0 if size is None else (self._image_set.images.shape[1] / size) ** 2
        self.position.last_evaluation_seconds = seconds * growth * cost

    def _steps_done(self) -> int:
        return self.position.epoch * self._batches.steps + self.position.step

    def _fail(self, inputs: Tensor) -> NoReturn:
        where = first_non_finite(self.network, inputs)
        raise FloatingPointError(
            f"the loss was no longer a number at step {self._steps_done() + 1}, in epoch "
            f"{self.position.epoch + 1}, at a learning rate of "
            f"{self.position.learning_rate:.2g}: {where}"
        )

    def _size(self, size_at: Callable[[Recipe, int, float], int]) -> int | None:
        """Return the side in pixels at this share of the budget; None: that of the images."""
        if not self._takes_any_size:
            return None
        return size_at(self._recipe, self._image_set.images.shape[1], self._share())

    def _finish_epoch(self, sums: Sums, watcher: Watcher) -> None:
        position = self.position
        trained = self._score_of_epoch(sums)
        size = self._size(evaluation_size)
        held_out = self._evaluate_held_out(size)
        took = self._stopwatch.lap()
        position.evaluation_seconds += took
        self._expect_evaluation_of(took, size)
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

    def _evaluate_held_out(self, size: int | None) -> Score:
        # The last figure is the network's as it will be run.
        is_last = self._share() >= 1.0
        surroundings = nullcontext if is_last else self._mixed_precision
        return self._evaluation(surroundings).score(self._image_set.val, size=size)

    def _score_of_epoch(self, sums: Sums) -> Score:
        score = sums.score(self.position.step * self._batches.batch)
        if not math.isfinite(score.loss):
            raise FloatingPointError(
                f"the loss was no longer a number in epoch {self.position.epoch + 1}"
            )
        return score

    def _ends_epoch(self) -> bool:
        # A checkpoint may have been written between the last step and the evaluation.
        return self.position.step == self._batches.steps

    def _has_paused(self) -> bool:
        # Of seconds, the share may fall again when an evaluation takes less than was expected.
        return any(pause.share >= self._until for pause in self.position.pauses)

    def _pause(self, sums: Sums) -> None:
        """Note what the network can do by now, in the midst of an epoch or at its end."""
        position = self.position
        if position.step == 0:
            accuracy = position.history[-1].val_accuracy
        else:
            self._score_of_epoch(sums)
            # What a network of the user's own may draw then must not move what is drawn later.
            devices = [self._device] if self._device.type == "cuda" else []
            with torch.random.fork_rng(devices):
                held_out = self._evaluate_held_out(self._size(evaluation_size))
            accuracy = held_out.accuracy
            position.evaluation_seconds += self._stopwatch.lap()
        position.pauses.append(Pause(share=self._until, val_accuracy=accuracy))
        self._save(sums)

    def _share(self) -> float:
        return self._budget.share(self.position, self._batches.steps)

    def _progress(self) -> Progress:
        share = self._share()
        return Progress(
            share=share,
            epoch=self.position.epoch + 1,
            images_per_second=self.images_per_second(),
            seconds_left=self.position.seconds * max(0.0, self._until - share) / share,
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
