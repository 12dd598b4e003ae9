"""The loop trains any task: here a linear regression, which has no accuracy."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from keiryo.models.meta import build_weightless
from keiryo.models.spec import parse_spec
from keiryo.train.budget import Budget
from keiryo.train.classification.recorded_pass import can_be_recorded
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.recipe import RECIPES
from keiryo.train.score import Score, Sums
from keiryo.train.watching.step_watch import StepWatch

TRUE_WEIGHTS = torch.tensor([2.0, -1.0, 0.5])
EPOCHS, STEPS = 6, 5


class LinearRegression:
    """Learns TRUE_WEIGHTS from random inputs (N, 3), of which an epoch has STEPS batches."""

    network: nn.Module
    recipe = replace(RECIPES["plain"], learning_rate_without_norm=0.2)
    device = torch.device("cpu")
    batch_size = 8
    steps_per_epoch = STEPS
    averaged_steps = 3.0

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Linear(3, 1)

    def batches(self, epoch: int, *, first_step: int) -> Iterator[Tensor]:
        for step in range(first_step, self.steps_per_epoch):
            generator = torch.Generator().manual_seed(epoch * self.steps_per_epoch + step)
            yield torch.randn(self.batch_size, 3, generator=generator)

    def learning_rate(self, share: float) -> float:
        return self.recipe.learning_rate_without_norm * (1.0 - share)

    def add_gradients(
        self, batch: Tensor, share: float, sums: Sums, watch: StepWatch | None
    ) -> Tensor:
        loss = mse_loss(self.network(batch)[:, 0], batch @ TRUE_WEIGHTS)
        loss.backward()
        sums.add(loss.detach(), len(batch))
        return loss.detach()

    def explain_non_finite(self, batch: Tensor, share: float) -> str:
        return "it is the loss alone"

    @torch.no_grad()
    def evaluate(self, network: nn.Module, share: float) -> Score:
        inputs = torch.eye(3)
        return Score(float(mse_loss(network(inputs)[:, 0], inputs @ TRUE_WEIGHTS)))

    def expected_evaluation_seconds(self, step_seconds: float, share: float) -> float:
        return step_seconds

    def cost_of_step(self, share: float) -> float:
        return 1.0

    def last_evaluation_seconds(self, seconds: float, share: float) -> float:
        return seconds


def make_training(checkpoint: Path | None = None) -> Training[Tensor]:
    return Training(LinearRegression(), budget=Budget(epochs=EPOCHS), checkpoint=checkpoint)


def without_seconds(training: Training[Tensor]) -> list[dict[str, float | None]]:
    return [epoch.model_dump(exclude={"seconds"}) for epoch in training.position.history]


def test_a_task_without_accuracy_learns_and_has_epochs_without_accuracies() -> None:
    training = make_training()
    before = training.task.evaluate(training.task.network, 0.0).loss
    assert training.run(TrainingListener())
    history = training.position.history
    assert [(e.train_accuracy, e.val_accuracy) for e in history] == [(None, None)] * EPOCHS
    assert history[-1].val_loss < before / 50
    assert training.position.examples_seen == EPOCHS * STEPS * LinearRegression.batch_size


@pytest.mark.parametrize("steps", [1, STEPS, STEPS + 2, EPOCHS * STEPS - 1])
def test_a_task_stopped_at_any_step_continues_to_the_same_bits(steps: int, tmp_path: Path) -> None:
    whole = make_training()
    assert whole.run(TrainingListener())
    checkpoint = tmp_path / "checkpoint.safetensors"
    asked = iter(range(1, steps + 1))
    stopped = make_training(checkpoint)
    assert not stopped.run(TrainingListener(wants_stop=lambda: next(asked) == steps))
    assert stopped.position.steps == steps
    resumed = make_training(checkpoint)
    assert resumed.position.steps == steps
    assert resumed.run(TrainingListener())
    for one, other in (
        (whole.task.network, resumed.task.network),
        (whole.trained_network, resumed.trained_network),
    ):
        assert all(map(torch.equal, one.parameters(), other.parameters()))
    assert without_seconds(resumed) == without_seconds(whole)


@pytest.mark.parametrize(
    ("model", "is_recorded"),
    [
        *((name, True) for name in ("mobilenet_v1", "mobilenet_v2", "resnet50", "vgg16")),
        *((name, False) for name in ("mobilenet_v3_small", "shufflenet_v2")),
    ],
)
def test_only_blocks_that_were_tried_on_a_gpu_are_recorded(model: str, is_recorded: bool) -> None:
    network = build_weightless(parse_spec(model), classes=5)
    assert can_be_recorded(network) == is_recorded
    assert not can_be_recorded(nn.Sequential(network))  # a network of the user's own
