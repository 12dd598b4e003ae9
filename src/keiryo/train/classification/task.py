"""Image classification as a task of the training loop."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from keiryo.data.batches.batches import Batch, BatchSampler
from keiryo.data.batches.device_batches import DeviceBatch, to_device
from keiryo.models.saved import channels_last
from keiryo.nn.recomputation import recompute_activations
from keiryo.train.classification.evaluation import Evaluation, make_inputs, takes_size
from keiryo.train.classification.image_set import ImageSet, training_batches
from keiryo.train.classification.loss import classification_loss
from keiryo.train.classification.recorded_pass import PassFigures, PassRecorder, can_be_recorded
from keiryo.train.fine_tuning import FineTuning
from keiryo.train.precision import ForwardContext, mixed_precision
from keiryo.train.recipe import (
    Recipe,
    evaluation_size,
    learning_rate_factor,
    peak_learning_rate,
    training_size,
)
from keiryo.train.score import Score, Sums
from keiryo.train.stopwatch import Stopwatch
from keiryo.train.watching.finite import first_non_finite
from keiryo.train.watching.step_watch import StepWatch

# The time of an evaluation in float32, relative to one in bfloat16.
FLOAT32_COST = 1.7


class ImageTask:
    """A network that is trained to classify the images of a set, batch by batch.

    `fine_tuning` must be made of the same network; it freezes layers for a time. `class_weights`
    (classes,) are the weights of images of each class in the loss; None: all count alike.

    Two options save memory. `save_memory` recomputes activations instead of keeping them, which
    changes no bit. `parts` is the number of parts of a batch, which pass through the network one
    after the other and share one step; batch norm uses the statistics of each part.
    """

    def __init__(
        self,
        network: nn.Module,
        image_set: ImageSet,
        *,
        recipe: Recipe,
        batch: int,
        seed: int,
        device: torch.device,
        fine_tuning: FineTuning | None = None,
        class_weights: np.ndarray | None = None,
        save_memory: bool = False,
        parts: int = 1,
    ) -> None:
        self.network = channels_last(network.to(device))
        self.recipe = recipe
        self.device = device
        self._image_set = image_set
        self._asked_batch = batch
        sampler = BatchSampler(
            image_set.train,
            batch=batch,
            size=self._full_size,
            seed=seed,
            augmentation=recipe.augmentation,
        )
        self._batches = training_batches(image_set, sampler, device)
        self.batch_size = sampler.batch
        self.steps_per_epoch = sampler.steps
        self.averaged_steps = recipe.average_epochs * sampler.steps
        self._fine_tuning = fine_tuning
        self._class_weights = (
            None
            if class_weights is None
            else torch.tensor(class_weights, dtype=torch.float32, device=device)
        )
        self._saves_memory = save_memory
        self._parts = parts
        self._peak = peak_learning_rate(network, recipe)
        self._mixed_precision = mixed_precision(self.network, device, recipe.precision)
        smallest = training_size(recipe, self._full_size, 0.0)
        self._takes_any_size = takes_size(self.network, smallest, device)
        self._forward_seconds = 0.0  # of the last step
        is_recorded = device.type == "cuda" and can_be_recorded(network)
        # Layers that recompute activations save the state of random numbers, which would wait.
        records = is_recorded and parts == 1 and not save_memory
        self._recorder = PassRecorder(self.network) if records else None

    def batches(self, epoch: int, *, first_step: int) -> Iterator[Batch] | Iterator[DeviceBatch]:
        return self._batches.epoch(epoch, first_step=first_step)

    def learning_rate(self, share: float) -> float:
        if self._fine_tuning is None:
            return self._peak * learning_rate_factor(self.recipe, share)
        return self._peak * self._fine_tuning.begin_step(self.recipe, share)

    def cost_of_step(self, share: float) -> float:
        size, last = self._size(training_size, share), self._size(training_size, 1.0)
        return 1.0 if size is None or last is None else (size / last) ** 2

    def add_gradients(
        self, batch: Batch | DeviceBatch, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        whole = self._on_device(batch)
        self._forward_seconds = 0.0
        loss = torch.zeros((), device=self.device)
        for number, part in enumerate(whole.parts(self._parts)):
            weight = len(part.labels) / len(whole.labels)
            # Only the first part is watched: a norm would take each part for a batch.
            part_watch = watch if number == 0 else None
            loss += weight * self._add_part(part, weight, share, sums, part_watch)
        return loss

    def _add_part(
        self, part: DeviceBatch, weight: float, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        """Add the gradients of a part that is `weight` of its batch; return its mean loss."""
        inputs = make_inputs(part, self._image_set, self._size(training_size, share))
        if self._recorder is not None and watch is None:
            figures = self._recorder.run(self._run_pass, inputs, part)
        else:
            figures = self._run_pass(inputs, part, weight, watch)
        sums.add(figures.loss, len(part.labels), figures.correct)
        return figures.loss

    def _run_pass(
        self,
        inputs: Tensor,
        part: DeviceBatch,
        weight: float = 1.0,
        watch: StepWatch | None = None,
    ) -> PassFigures:
        """Run the inputs of a part through the network, and its gradients back."""
        with (
            self._mixed_precision(),
            watch.during_forward() if watch else nullcontext(),
            recompute_activations() if self._saves_memory else nullcontext(),
        ):
            stopwatch = Stopwatch()
            logits = self.network(inputs)
            self._forward_seconds += stopwatch.lap()
        loss = classification_loss(
            logits.float(), part, self.recipe.label_smoothing, self._class_weights
        )
        (loss * weight).backward()
        correct = (logits.detach().argmax(1) == part.labels).sum()
        return PassFigures(loss.detach(), correct)

    def explain_non_finite(self, batch: Batch | DeviceBatch, share: float) -> str:
        size = self._size(training_size, share)
        return first_non_finite(
            self.network, make_inputs(self._on_device(batch), self._image_set, size)
        )

    def evaluate(self, network: nn.Module, share: float) -> Score:
        # The last evaluation is in float32, as the network will be run.
        context = nullcontext if share >= 1.0 else self._mixed_precision
        evaluation = self.evaluation(network, context)
        return evaluation.score(self._image_set.val, size=self._size(evaluation_size, share))

    def evaluation(self, network: nn.Module, context: ForwardContext = nullcontext) -> Evaluation:
        """Return `network` ready to be evaluated on images of the set, by default in float32."""
        return Evaluation(
            network,
            self._image_set,
            batch=max(1, self._asked_batch // self._parts),
            device=self.device,
            context=context,
        )

    def expected_evaluation_seconds(self, step_seconds: float, share: float) -> float:
        # A backward pass takes twice the time of a forward pass. On the processor the forward pass
        # is measured, since the optimiser takes most of a step of many weights and few images. On
        # other devices the measured time would be that of queueing it.
        is_cpu = self.device.type == "cpu"
        forward_seconds = self._forward_seconds if is_cpu else step_seconds / 3
        steps = len(self._image_set.val) / self.batch_size
        return self._at_full_cost(steps * forward_seconds, self._size(training_size, share))

    def last_evaluation_seconds(self, seconds: float, share: float) -> float:
        return self._at_full_cost(seconds, self._size(evaluation_size, share))

    def _at_full_cost(self, seconds: float, size: int | None) -> float:
        """Return the time in float32 at full size of work that took `seconds` at `size`."""
        cost = 1.0 if self._mixed_precision is nullcontext else FLOAT32_COST
        growth = 1.0 if size is None else (self._full_size / size) ** 2
        return seconds * growth * cost

    @property
    def _full_size(self) -> int:
        return self._image_set.images.shape[1]

    def _size(self, size_at: Callable[[Recipe, int, float], int], share: float) -> int | None:
        """Return the side in pixels at this share of the budget, or None for that of the images."""
        return size_at(self.recipe, self._full_size, share) if self._takes_any_size else None

    def _on_device(self, batch: Batch | DeviceBatch) -> DeviceBatch:
        return to_device(batch, self.device) if isinstance(batch, Batch) else batch
