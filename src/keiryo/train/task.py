"""The interface between the training loop and its tasks."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from keiryo.train.recipe import Recipe
from keiryo.train.score import Score, Sums
from keiryo.train.watching.step_watch import StepWatch

AnyBatch = TypeVar("AnyBatch")


class EvaluationStoppedError(Exception):
    """An evaluation that ended before its end because a stop was asked for."""


class Task(Protocol[AnyBatch]):
    """A network, with examples to train it on and examples to evaluate it on.

    Every `share` below is the share of the budget that is used up, from 0 to 1.
    """

    @property
    def network(self) -> nn.Module:
        """The network, trained in place."""
        ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def batch_size(self) -> int:
        """The number of examples in a full batch."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in an epoch."""
        ...

    @property
    def averaged_steps(self) -> float:
        """The number of steps over which the weights are averaged; 0: they are not."""
        ...

    def batches(self, epoch: int, *, first_step: int) -> Iterator[AnyBatch]:
        """Yield the batches of `epoch`, from 0, beginning with that of step `first_step`.

        A batch depends on the seed, the epoch and the step alone.
        """
        ...

    def learning_rate(self, share: float) -> float:
        """Return the learning rate of the next step. Called once before each step."""
        ...

    def cost_of_step(self, share: float) -> float:
        """Return the time of a step at `share`, relative to that of the last step: 0 to 1."""
        ...

    def add_gradients(
        self, batch: AnyBatch, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        """Compute the gradients of the mean loss over `batch`, and add its figures to `sums`.

        Return the mean loss, detached. If there is a `watch`, run the forward pass within
        `watch.during_forward()`.
        """
        ...

    def explain_non_finite(self, batch: AnyBatch, share: float) -> str:
        """Return a clause that says where numbers are not finite in a step on `batch`."""
        ...

    def evaluate(self, network: nn.Module, share: float) -> Score:
        """Return the score of `network` on the held-out examples.

        It is the network of the task, or a copy of it with averaged weights. A task whose
        evaluations take long raises EvaluationStoppedError when it is asked to stop.
        """
        ...

    def expected_evaluation_seconds(self, step_seconds: float, share: float) -> float:
        """Estimate the time of the last evaluation from that of a step, before any evaluation."""
        ...

    def last_evaluation_seconds(self, seconds: float, share: float) -> float:
        """Estimate the time of the last evaluation from the `seconds` of the one at `share`."""
        ...
