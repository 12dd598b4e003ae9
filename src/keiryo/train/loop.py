"""The training loop: one for every task and every device."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, NoReturn

import psutil
import torch
from torch import Tensor, nn

from keiryo.errors import InputError
from keiryo.measure.load import LoadWatch
from keiryo.records.training import Epoch, Pause
from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position, TrainingState, load_checkpoint, save_checkpoint
from keiryo.train.listener import TrainingListener, TrainingProgress
from keiryo.train.optimizer.averaging import WeightAverage
from keiryo.train.optimizer.without_compiler import step_without_compiler
from keiryo.train.recipe import make_optimizer
from keiryo.train.remaining import RemainingTime
from keiryo.train.score import Sums
from keiryo.train.stopwatch import Stopwatch
from keiryo.train.task import AnyBatch, EvaluationStoppedError, Task
from keiryo.train.watching.step_watch import StepWatch, is_watched, thin_out

# A checkpoint is written at every stop, and when the time since the last one is this many times
# the time that writing it took.
CHECKPOINT_INTERVAL_FACTOR = 30
SHORTEST_CHECKPOINT_INTERVAL_SECONDS = 5.0


class Training(Generic[AnyBatch]):
    """The training of a task's network, in place.

    With `checkpoint`, the training continues from the checkpoint at that path, if there is one,
    and saves one there when it is stopped or paused. Raises InputError if that checkpoint is
    damaged or has another `fingerprint`.
    """

    def __init__(
        self,
        task: Task[AnyBatch],
        *,
        budget: Budget,
        checkpoint: Path | None = None,
        fingerprint: str = "",
    ) -> None:
        self.task = task
        self._budget = budget
        self._parameters = list(task.network.parameters())
        average = WeightAverage(task.network, task.averaged_steps) if task.averaged_steps else None
        optimizer = make_optimizer(task.network, task.recipe)
        self._state = TrainingState(task.network, optimizer, task.device, average)
        self._checkpoint = checkpoint
        self._until = 1.0
        self._stopwatch = Stopwatch()
        self._load_watch = LoadWatch()
        self._remaining = RemainingTime(budget, task.cost_of_step)
        self.evaluation_seconds = 0.0  # of the last evaluation
        self._full_evaluation_seconds = 0.0  # of one at the end, by the last one
        self._next_checkpoint = SHORTEST_CHECKPOINT_INTERVAL_SECONDS
        self.position = Position(fingerprint=fingerprint)
        if checkpoint is not None:
            self._continue_from(checkpoint)

    @property
    def trained_network(self) -> nn.Module:
        """The network to evaluate and save: with averaged weights if the task averages them."""
        average = self._state.average
        return self.task.network if average is None else average.network

    def run(self, listener: TrainingListener, *, until: float = 1.0) -> bool:
        """Train until the share `until` of the budget is used up; return False if stopped.

        If `until` is below 1, stop at the first step that reaches it, save a checkpoint and
        append a Pause to the position; only tasks with an accuracy can pause. The schedule is
        that of the whole budget, so a training that continues after a pause comes to the same
        bits as one without. Raises FloatingPointError when the loss is no longer a number.
        """
        self._until = until
        self._load_watch = LoadWatch()
        while not self._has_paused() and (
            self.share() < until or self._ends_epoch() or self._lacks_evaluation()
        ):
            if not self._run_epoch(listener):
                return False
        if until < 1.0 and not self._has_paused():
            self._pause(self._sums())
        return True

    def examples_per_second(self) -> float:
        """Return the number of examples trained on per second, evaluation excluded."""
        position = self.position
        return position.examples_seen / max(position.training_seconds, 1e-9)

    def processor_share(self) -> float:
        """Return this training's share, from 0 to 1, of all processor time used meanwhile."""
        own, others = self.position.processor_seconds, self.position.others_seconds
        return own / max(own + others, 1e-9)

    def others_share(self) -> float:
        """Return the share, from 0 to 1, of all cores' processor time that other processes took."""
        available = self.position.seconds * (psutil.cpu_count() or 1)
        return min(1.0, self.position.others_seconds / max(available, 1e-9))

    def waiting_share(self) -> float:
        """Return the share, from 0 to 1, of the training time spent waiting for batches.

        It is an upper bound where a GPU still computes while the next batch is made.
        """
        position = self.position
        return position.waiting_seconds / max(position.training_seconds, 1e-9)

    def save(self) -> None:
        """Save a checkpoint, before or after a call of `run`."""
        self._save(self._sums())

    def _continue_from(self, checkpoint: Path) -> None:
        found = load_checkpoint(checkpoint, self._state)
        if found is None:
            return
        if found.fingerprint != self.position.fingerprint:
            raise InputError(
                f"{checkpoint}: from another configuration, or the data has changed since; "
                "begin again with --force"
            )
        if not found.steps:  # checkpoints of images once did not count these
            found.steps = found.epoch * self.task.steps_per_epoch + found.step
            found.examples = found.step * self.task.batch_size
        self.position = found
        self._next_checkpoint += found.seconds

    def _sums(self) -> Sums:
        position = self.position
        return Sums(
            self.task.device,
            loss=position.loss_sum,
            correct=position.correct,
            examples=position.examples,
        )

    def _run_epoch(self, listener: TrainingListener) -> bool:
        position = self.position
        sums = self._sums()
        self.task.network.train()
        self._stopwatch.lap()
        for batch in self._batches_left():
            seen_before = sums.examples
            self._step(batch, sums)
            position.step += 1
            position.steps += 1
            position.examples_seen += sums.examples - seen_before
            position.last_step_seconds = self._lap()
            position.training_seconds += position.last_step_seconds
            if not position.history:
                position.last_evaluation_seconds = self.task.expected_evaluation_seconds(
                    position.last_step_seconds, self.share()
                )
            self._remaining.note_step(position, self.share())
            listener.on_progress(self._progress())
            if self.share() >= 1.0:
                break
            if self.share() >= self._until and not self._ends_epoch():
                self._pause(sums)
                return True
            stops = listener.wants_stop()
            if stops or position.seconds > self._next_checkpoint:
                self._save(sums)
            if stops:
                return False
        try:
            self._finish_epoch(sums, listener)
        except EvaluationStoppedError:
            position.evaluation_seconds += self._lap()
            self._save(sums)
            return False
        return True

    def _batches_left(self) -> Iterator[AnyBatch]:
        """Yield the batches left in this epoch: none if only its evaluation is left."""
        if self._lacks_evaluation():
            return iter(())
        position = self.position
        return self._time_waiting(self.task.batches(position.epoch, first_step=position.step))

    def _time_waiting(self, batches: Iterator[AnyBatch]) -> Iterator[AnyBatch]:
        """Yield `batches`, adding the time spent waiting for them to the position."""
        while True:
            stopwatch = Stopwatch()
            batch = next(batches, None)
            self.position.waiting_seconds += stopwatch.lap()
            if batch is None:
                return
            yield batch

    def _step(self, batch: AnyBatch, sums: Sums) -> None:
        position, task, optimizer = self.position, self.task, self._state.optimizer
        share, step = self.share(), position.steps
        position.learning_rate = task.learning_rate(share)
        for group in optimizer.param_groups:
            group["lr"] = position.learning_rate
        watched = is_watched(step, position.snapshots)
        watch = StepWatch(task.network, optimizer) if watched else None
        optimizer.zero_grad(set_to_none=True)
        loss = task.add_gradients(batch, share, sums, watch)
        # On a GPU, reading the loss would wait for the step to end, so only watched steps do.
        if (watch or task.device.type == "cpu") and not loss.isfinite():
            self._fail(batch, share)
        if watch:
            watch.after_backward()
        if task.recipe.largest_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, task.recipe.largest_gradient_norm)
        step_without_compiler(optimizer)
        if watch:
            self._append_snapshot(watch, step, loss)
        if self._state.average is not None:
            self._state.average.update(step + 1)

    def _append_snapshot(self, watch: StepWatch, step: int, loss: Tensor) -> None:
        snapshot = watch.after_step(
            epoch=self.position.epoch + 1,
            step=step,
            loss=loss,
            learning_rate=self.position.learning_rate,
            batch=self.task.batch_size,
        )
        self.position.snapshots.append(snapshot)
        thin_out(self.position.snapshots)

    def _fail(self, batch: AnyBatch, share: float) -> NoReturn:
        position = self.position
        raise FloatingPointError(
            f"the loss was no longer a number at step {position.steps + 1}, in epoch "
            f"{position.epoch + 1}, at a learning rate of {position.learning_rate:.2g}: "
            f"{self.task.explain_non_finite(batch, share)}"
        )

    def _finish_epoch(self, sums: Sums, listener: TrainingListener) -> None:
        position, share = self.position, self.share()
        self._check_finite(sums)
        listener.on_evaluation(self.evaluation_seconds or position.last_evaluation_seconds)
        held_out = self.task.evaluate(self.trained_network, share)
        took = self.evaluation_seconds = self._lap()
        position.evaluation_seconds += took
        epoch = Epoch(
            epoch=position.epoch + 1,
            train_loss=sums.mean_loss,
            train_accuracy=None if held_out.accuracy is None else sums.accuracy,
            val_loss=held_out.loss,
            val_accuracy=held_out.accuracy,
            learning_rate=position.learning_rate,
            seconds=position.seconds - position.epoch_started_at_seconds,
        )
        position.history.append(epoch)
        self._add_load()
        position.epoch += 1
        position.step, position.loss_sum, position.correct, position.examples = 0, 0.0, 0, 0
        listener.on_epoch(epoch)
        # The listener may take long: it generates a sound after an epoch of a WaveNet.
        listened = self._lap()
        position.evaluation_seconds += listened
        last = self._full_evaluation_seconds = self.task.last_evaluation_seconds(took, share)
        position.last_evaluation_seconds = last + listened
        position.epoch_started_at_seconds = position.seconds

    def _check_finite(self, sums: Sums) -> None:
        if not math.isfinite(sums.mean_loss):
            raise FloatingPointError(
                f"the loss was no longer a number in epoch {self.position.epoch + 1}"
            )

    def _ends_epoch(self) -> bool:
        # A checkpoint may have been saved between an epoch's last step and its evaluation.
        return self.position.step == self.task.steps_per_epoch

    def _lacks_evaluation(self) -> bool:
        # A budget of time ends within an epoch, and a stop may come during its evaluation.
        return self._until == 1.0 and self.position.step > 0 and self.share() >= 1.0

    def _has_paused(self) -> bool:
        # Not by the share: in a budget of seconds, it falls when an evaluation takes less time
        # than expected.
        return any(pause.share >= self._until for pause in self.position.pauses)

    def _pause(self, sums: Sums) -> None:
        """Append a Pause with the current accuracy, and save a checkpoint."""
        position, task = self.position, self.task
        if position.step == 0:
            accuracy = position.history[-1].val_accuracy
        else:
            self._check_finite(sums)
            # A user's network may draw random numbers in evaluation. Fork the generator, so that
            # training continues with the same ones.
            devices = [task.device] if task.device.type == "cuda" else []
            with torch.random.fork_rng(devices):
                accuracy = task.evaluate(self.trained_network, self.share()).accuracy
            position.evaluation_seconds += self._lap()
        assert accuracy is not None, "only tasks with an accuracy are paused"
        position.pauses.append(Pause(share=self._until, val_accuracy=accuracy))
        self._save(sums)

    def _lap(self) -> float:
        """Return the wall time since the last lap, and add its processor time to the position."""
        took = self._stopwatch.lap()
        self.position.processor_seconds += self._stopwatch.processor_seconds
        return took

    def _add_load(self) -> None:
        """Add the processor time that others took since the last call to the position."""
        self.position.others_seconds += self._load_watch.load().others_seconds or 0.0
        self._load_watch = LoadWatch()

    def share(self) -> float:
        """Return the share of the budget that is used up, from 0 to 1."""
        return self._budget.share(self.position, self.task.steps_per_epoch)

    def _progress(self) -> TrainingProgress:
        share = self.share()
        return TrainingProgress(
            share=share,
            epoch=self.position.epoch + 1,
            examples_per_second=self.examples_per_second(),
            seconds_left=self._remaining.seconds(
                self.position,
                share,
                until=self._until,
                evaluation_seconds=self._full_evaluation_seconds
                or self.position.last_evaluation_seconds,
            ),
        )

    def _save(self, sums: Sums) -> None:
        if self._checkpoint is None:
            return
        self._add_load()
        position = self.position
        position.loss_sum, position.correct = sums.loss, sums.correct
        position.examples = sums.examples
        save_checkpoint(self._checkpoint, self._state, position)
        took = self._lap()
        position.saving_seconds += took
        self._next_checkpoint = position.seconds + max(
            SHORTEST_CHECKPOINT_INTERVAL_SECONDS, CHECKPOINT_INTERVAL_FACTOR * took
        )
