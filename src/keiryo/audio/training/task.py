"""A WaveNet's training as a task of the training loop: chunks of recordings, bits per sample."""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from keiryo.audio.training.evaluation import WHOLE, Extent, Likelihood, held_out_likelihood
from keiryo.audio.training.objective import (
    SoundBatch,
    likelihoods,
    mixed_where_faster,
    on_device,
    outputs_by_layers,
    outputs_for_targets,
)
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.chunks import ChunkBatch, ChunkBatches, Chunks
from keiryo.train.recipe import Recipe, learning_rate_factor
from keiryo.train.score import Score, Sums
from keiryo.train.task import EvaluationStoppedError
from keiryo.train.watching.finite import first_non_finite
from keiryo.train.watching.step_watch import StepWatch

AVERAGED_STEPS = 500


def wavenet_recipe(*, optimizer: str, learning_rate: float) -> Recipe:
    """Return the recipe of WaveNets: warm-up, half a cosine to zero, gradients clipped."""
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


class WaveNetTask:
    """A WaveNet that is trained on the chunks of recordings.

    The evaluation after each epoch is over the chunks `held_out`, to the extent `extent`. The loss
    counts samples as its examples; a batch counts chunks.
    """

    def __init__(
        self,
        network: WaveNet,
        batches: ChunkBatches,
        held_out: Chunks,
        *,
        recipe: Recipe,
        device: torch.device,
        extent: Extent = WHOLE,
    ) -> None:
        self.network = network.to(device)
        self.recipe = recipe
        self.device = device
        self._batches = batches
        self.batch_size = batches.batch
        self.steps_per_epoch = batches.steps
        self.averaged_steps = AVERAGED_STEPS
        self.held_out = held_out
        self.extent = extent
        self._evaluation_seconds: float | None = None
        self._mixed_precision = mixed_where_faster(self.network, device)

    def batches(self, epoch: int, *, first_step: int) -> Iterator[ChunkBatch]:
        return self._batches.epoch(epoch, first_step=first_step)

    def learning_rate(self, share: float) -> float:
        return self.recipe.learning_rate * learning_rate_factor(self.recipe, share)

    def cost_of_step(self, share: float) -> float:
        return 1.0

    def add_gradients(
        self, batch: ChunkBatch, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        sounds = on_device(batch, self.device)
        with (
            self._mixed_precision(),
            watch.during_forward() if watch else nullcontext(),
        ):
            # Hooks need calls of the layers, which the faster way does not make.
            forward = outputs_by_layers if watch else outputs_for_targets
            outputs = forward(self.network, sounds)
        loss = -likelihoods(outputs, self.network, sounds).sum() / sounds.targets
        loss.backward()
        sums.add(loss.detach(), sounds.targets)
        return loss.detach()

    def explain_non_finite(self, batch: ChunkBatch, share: float) -> str:
        sounds = on_device(batch, self.device)
        return first_non_finite(_OnCodes(self.network, sounds.labels), sounds.codes)

    def evaluate(self, network: nn.Module, share: float) -> Score:
        found = self.likelihood(network, self.held_out, self.extent)
        if not math.isfinite(found.nats_per_sample):
            raise FloatingPointError("the loss on held-out recordings was no longer a number")
        return Score(found.nats_per_sample)

    def likelihood(
        self,
        network: nn.Module,
        chunks: Chunks,
        extent: Extent = WHOLE,
        *,
        confused_samples: int = 0,
    ) -> Likelihood:
        """Return the likelihood of the samples of `chunks` under `network`.

        The arguments are those of `held_out_likelihood`.
        """
        assert isinstance(network, WaveNet)
        return held_out_likelihood(
            network,
            chunks,
            batch=self._batches.batch,
            device=self.device,
            extent=extent,
            confused_samples=confused_samples,
        )

    def expected_evaluation_seconds(self, step_seconds: float, share: float) -> float:
        numbers = self.extent.numbers
        chunks = len(self.held_out) if numbers is None else len(numbers)
        batches = -(-chunks // self._batches.batch)
        if self.extent.seconds is None:
            # A backward pass takes twice the time of a forward pass.
            return batches * step_seconds / 3
        # The first step is far slower than those after it, so a batch is measured instead.
        if self._evaluation_seconds is None:
            self._evaluation_seconds = batches * self._seconds_of_a_batch()
        return min(self.extent.seconds, self._evaluation_seconds)

    def _seconds_of_a_batch(self) -> float:
        started = time.perf_counter()
        numbers = np.arange(min(self._batches.batch, len(self.held_out)))
        try:
            self.likelihood(self.network, self.held_out, replace(self.extent, numbers=numbers))
        except EvaluationStoppedError:
            return 0.0  # it is asked for again when the training goes on
        finally:
            self.network.train()
        return time.perf_counter() - started

    def last_evaluation_seconds(self, seconds: float, share: float) -> float:
        return seconds


class _OnCodes(nn.Module):
    """A network with the labels of a batch, whose only input is codes."""

    def __init__(self, network: WaveNet, labels: Tensor | None) -> None:
        super().__init__()
        self.network = network
        self._labels = labels

    def forward(self, codes: Tensor) -> Tensor:
        mask = torch.ones(1, 1, dtype=torch.bool)
        return outputs_by_layers(self.network, SoundBatch(codes, mask, self._labels, 1))
