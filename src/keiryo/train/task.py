"""The interface between the training loop and its tasks."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from keiryo.train.recipe import Recipe
from keiryo.train.score import Score, Sums
from keiryo.train.watching.step_watch import StepWatch

AnyBatch = TypeVar("AnyBatch")


class Task(Protocol[AnyBatch]):
    """A network with the examples to train it on and to evaluate it on.

    `network` is trained in place; the one to evaluate may be another, of averaged weights.
    `batch` is the number of examples in a full batch, `steps` the number of batches in an epoch.
    Weights are averaged over `averaged_steps` steps; 0: they are not. `share` is the share of the
    budget that is used up, from 0 to 1.
    """

    @property
    def network(self) -> nn.Module: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def batch(self) -> int: ...

    @property
    def steps(self) -> int: ...

    @property
    def averaged_steps(self) -> float: ...

    def batches(self, epoch: int, *, first_step: int) -> Iterator[AnyBatch]:
        """Yield the batches of `epoch` from `first_step` on; each follows from the seed alone."""
        ...

    def learning_rate(self, share: float) -> float:
        """Return the learning rate of the next step."""
        ...

    def add_gradients(
        self, batch: AnyBatch, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        """Add the gradients of the mean loss over `batch`, and its figures to `sums`.

        Return the mean loss, detached. `watch` looks at the forward pass where it is given.
        """
        ...

    def explain_non_finite(self, batch: AnyBatch, share: float) -> str:
        """Return in words where numbers ceased to be finite in a step on `batch`."""
        ...

    def evaluate(self, network: nn.Module, share: float) -> Score:
        """Return the score of `network` on the held-out examples."""
        ...

    def expected_evaluation_seconds(self, step_seconds: float, share: float) -> float:
        """Return how long the last evaluation will take, from how long a step took."""
        ...

    def last_evaluation_seconds(self, seconds: float, share: float) -> float:
        """Return how long the last evaluation will take, from the `seconds` that this one took."""
        ...
