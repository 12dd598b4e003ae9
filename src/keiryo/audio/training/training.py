"""The loop that trains a WaveNet: the recipe's optimiser and schedule over chunks of recordings.

It goes as `keiryo.train.loop` does for images, and shares its budget, checkpoint, averaging
and watch over steps.
"""

import math
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from keiryo.audio.training.evaluation import Likelihood, held_out_likelihood
from keiryo.audio.training.objective import (
    SoundBatch,
    likelihoods,
    mixed_where_faster,
    on_device,
    outputs_by_layers,
    outputs_for_targets,
)
from keiryo.audio.training.position import (
    Sums,
    TrainingProgress,
    TrainingWatcher,
    WaveNetPosition,
    in_bits,
)
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.chunks import ChunkBatch, ChunkBatches, Chunks
from keiryo.records.training import Epoch
from keiryo.records.wavenet import WaveNetEpoch
from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Trainee, load_checkpoint, save_checkpoint
from keiryo.train.loop import CHECKPOINT_INTERVAL_FACTOR, SHORTEST_CHECKPOINT_INTERVAL_SECONDS
from keiryo.train.optimizer.averaging import WeightAverage
from keiryo.train.optimizer.without_compiler import make_step
from keiryo.train.recipe import Recipe, learning_rate_factor, make_optimizer
from keiryo.train.stopwatch import Stopwatch
from keiryo.train.watching.finite import first_non_finite
from keiryo.train.watching.step_watch import StepWatch, is_watched, keep

AVERAGED_STEPS = 500


def wavenet_recipe(*, optimizer: str, learning_rate: float) -> Recipe:
    """Return how a WaveNet is trained: warm-up, half a cosine to zero, gradients clipped."""
    return Recipe(
        name="keiryo",
        optimizer="adam" if optimizer == "adam" else "adamw",
        learning_rate=learning_rate,
        learning_rate_without_norm=learning_rate,
        weight_decay=0.0 if optimizer == "adam" else 0.01,
        warmup=0.05,
        schedule="cosine",
        label_smoothing=0.0,
        largest_gradient_norm=1.0,
        augmentation=Augmentation(),
    )


class SoundTraining:
    """A WaveNet being trained on the chunks of recordings, in place.

    With `checkpoint`, it goes on from the one at that path, if there is one, and leaves one
    there when it is stopped or done. `held_out` are the chunks for the figure after each
    epoch. Raises InputError where the checkpoint is damaged or of another `fingerprint`.
    """

    def __init__(
        self,
        network: WaveNet,
        batches: ChunkBatches,
        held_out: Chunks,
        *,
        recipe: Recipe,
        budget: Budget,
        device: torch.device,
        checkpoint: Path | None = None,
        fingerprint: str = "",
    ) -> None:
        self.network = network.to(device)
        self._batches = batches
        self._held_out = held_out
        self._recipe = recipe
        self._budget = budget
        self._device = device
        self._mixed_precision = mixed_where_faster(self.network, device)
        self._checkpoint = checkpoint
        average = WeightAverage(self.network, AVERAGED_STEPS)
        self._average = average
        self._trainee = Trainee(self.network, make_optimizer(self.network, recipe), device, average)
        self._stopwatch = Stopwatch()
        self.position = WaveNetPosition(fingerprint=fingerprint)
        self._next_checkpoint = SHORTEST_CHECKPOINT_INTERVAL_SECONDS
        if checkpoint is not None:
            self._go_on_from(checkpoint)

    @property
    def averaged_network(self) -> WaveNet:
        """The network to evaluate and keep."""
        network = self._average.network
        assert isinstance(network, WaveNet)
        return network.eval()

    @property
    def history(self) -> list[WaveNetEpoch]:
        """The epochs so far."""
        position = self.position
        return [in_bits(*pair) for pair in zip(position.history, position.epoch_ends, strict=True)]

    def samples_per_second(self) -> float:
        """Return the samples trained on per second of training, evaluation apart."""
        return self.position.pictures_seen / max(self.position.training_seconds, 1e-9)

    def likelihood(self, chunks: Chunks, *, confuses_conditions: bool = False) -> Likelihood:
        """Return how likely the averaged network takes the samples of `chunks`.

        `confuses_conditions` gives each chunk those of another, at random.
        """
        return held_out_likelihood(
            self.averaged_network,
            chunks,
            batch=self._batches.batch,
            device=self._device,
            confuses_conditions=confuses_conditions,
        )

    def run(self, watcher: TrainingWatcher) -> bool:
        """Train until the budget is used up; return False if stopped.

        Either way it leaves a checkpoint. Raises FloatingPointError when the loss is no longer
        a number.
        """
        while self._share() < 1.0 or self._ends_epoch():
            if not self._run_epoch(watcher):
                return False
        self._save(Sums(self._device, self.position))
        return True

    def _run_epoch(self, watcher: TrainingWatcher) -> bool:
        position = self.position
        sums = Sums(self._device, position)
        self.network.train()
        self._stopwatch.lap()
        for chunk_batch in self._batches.epoch(position.epoch, first_step=position.step):
            self._step(chunk_batch, sums)
            position.step += 1
            position.steps += 1
            position.last_step_seconds = self._stopwatch.lap()
            position.training_seconds += position.last_step_seconds
            self._expect_evaluation()
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

    def _step(self, chunk_batch: ChunkBatch, sums: Sums) -> None:
        batch = on_device(chunk_batch, self._device)
        position = self.position
        step = position.steps
        rate = self._recipe.learning_rate * learning_rate_factor(self._recipe, self._share())
        position.learning_rate = rate
        optimizer = self._trainee.optimizer
        for group in optimizer.param_groups:
            group["lr"] = rate
        watches = is_watched(step, position.snapshots)
        watch = StepWatch(self.network, optimizer) if watches else None
        with (
            self._mixed_precision(),
            watch.watched_forward() if watch else nullcontext(),
        ):
            # Hooks look at layers, which the shorter way does not call.
            forward = outputs_by_layers if watch else outputs_for_targets
            outputs = forward(self.network, batch)
        likelihood = likelihoods(outputs, self.network, batch)
        loss = -likelihood.sum() / batch.targets
        # Elsewhere than on the processor, to look is to wait for the step to end.
        if (watch or self._device.type == "cpu") and not loss.isfinite():
            self._fail(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if watch:
            watch.after_backward()
        if self._recipe.largest_gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.largest_gradient_norm)
        make_step(optimizer)
        if watch:
            snapshot = watch.after_step(
                epoch=position.epoch + 1,
                step=step,
                loss=loss,
                learning_rate=rate,
                batch=len(batch.codes),
            )
            keep(position.snapshots, snapshot)
        self._average.update(step + 1)
        sums.add(loss.detach(), batch.targets)
        position.pictures_seen += batch.targets

    def _fail(self, batch: SoundBatch) -> NoReturn:
        x = batch.codes
        labels = batch.labels
        where = first_non_finite(_OnCodes(self.network, labels), x)
        raise FloatingPointError(
            f"the loss was no longer a number at step {self.position.steps + 1}, in epoch "
            f"{self.position.epoch + 1}, at a learning rate of "
            f"{self.position.learning_rate:.2g}: {where}"
        )

    def _finish_epoch(self, sums: Sums, watcher: TrainingWatcher) -> None:
        position = self.position
        train_loss = sums.mean
        held_out = self.likelihood(self._held_out)
        if not math.isfinite(train_loss + held_out.nats_per_sample):
            raise FloatingPointError(
                f"the loss was no longer a number in epoch {position.epoch + 1}, at a learning "
                f"rate of {position.learning_rate:.2g}"
            )
        took = self._stopwatch.lap()
        position.evaluation_seconds += took
        epoch = Epoch(
            epoch=position.epoch + 1,
            train_loss=train_loss,
            train_accuracy=math.nan,
            val_loss=held_out.nats_per_sample,
            val_accuracy=math.nan,
            learning_rate=position.learning_rate,
            seconds=position.seconds - position.epoch_started_at_seconds,
        )
        position.history.append(epoch)
        position.epoch_ends.append(position.steps)
        position.epoch += 1
        position.step, position.loss_sum, position.targets = 0, 0.0, 0
        watcher.on_epoch(in_bits(epoch, position.steps))
        # Whoever is told may generate a sample, which takes time as well.
        told = self._stopwatch.lap()
        position.evaluation_seconds += told
        position.last_evaluation_seconds = took + told
        position.epoch_started_at_seconds = position.seconds

    def _go_on_from(self, checkpoint: Path) -> None:
        found = load_checkpoint(checkpoint, self._trainee, WaveNetPosition)
        if found is None:
            return
        if found.fingerprint != self.position.fingerprint:
            raise InputError(
                f"{checkpoint}: of another configuration, or the recordings have changed since; "
                "begin again by --force"
            )
        self.position = found
        self._next_checkpoint += found.seconds

    def _expect_evaluation(self) -> None:
        # Until one was measured: a step goes forward, and back for twice as long.
        position = self.position
        if not position.history:
            steps = len(self._held_out) / self._batches.batch
            position.last_evaluation_seconds = steps * position.last_step_seconds / 3

    def _ends_epoch(self) -> bool:
        # A checkpoint may have been written between the last step and the evaluation.
        return self.position.step == self._batches.steps

    def _share(self) -> float:
        return self._budget.share(self.position, self._batches.steps)

    def _progress(self) -> TrainingProgress:
        share = self._share()
        return TrainingProgress(
            share=share,
            epoch=self.position.epoch + 1,
            samples_per_second=self.samples_per_second(),
            seconds_left=self.position.seconds * max(0.0, 1.0 - share) / max(share, 1e-9),
        )

    def _save(self, sums: Sums) -> None:
        if self._checkpoint is None:
            return
        self.position.loss_sum, self.position.targets = sums.loss_sum, sums.targets
        save_checkpoint(self._checkpoint, self._trainee, self.position)
        took = self._stopwatch.lap()
        self.position.saving_seconds += took
        self._next_checkpoint = self.position.seconds + max(
            SHORTEST_CHECKPOINT_INTERVAL_SECONDS, CHECKPOINT_INTERVAL_FACTOR * took
        )


class _OnCodes(nn.Module):
    """A network with the labels of a batch, so that it takes codes alone."""

    def __init__(self, network: WaveNet, labels: Tensor | None) -> None:
        super().__init__()
        self.network = network
        self._labels = labels

    def forward(self, codes: Tensor) -> Tensor:
        mask = torch.ones(1, 1, dtype=torch.bool)
        return outputs_by_layers(self.network, SoundBatch(codes, mask, self._labels, 1))
