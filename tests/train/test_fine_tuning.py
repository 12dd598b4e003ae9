from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from image_trainings import small_image_set, stop_after
from keiryo.data.sources.petals import CLASSES
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.fine_tuning import HEAD_SHARE, PEAK_FACTOR_OF_ALL, FineTune, FineTuning
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.recipe import RECIPES

SIZE = 16
STEPS_PER_EPOCH = 5
EPOCHS = 3  # of whose 15 steps the first three are the head's


class Small(nn.Sequential):
    """Something of all that can be frozen or left unfrozen by mistake."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(8, 12, 3, stride=2),
            nn.BatchNorm2d(12),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, len(CLASSES)),
        )


@pytest.fixture(scope="module")
def image_set() -> ImageSet:
    return small_image_set(size=SIZE, train=40, val=10)


def make_training(
    image_set: ImageSet, mode: FineTune, *, recipe: str = "keiryo", checkpoint: Path | None = None
) -> Training:
    torch.manual_seed(1)
    network = Small()
    return Training(
        ImageTask(
            network,
            image_set,
            recipe=RECIPES[recipe],
            batch=8,
            seed=1,
            device=torch.device("cpu"),
            fine_tuning=FineTuning(network, head="8", mode=mode),
        ),
        budget=Budget(epochs=EPOCHS),
        checkpoint=checkpoint,
    )


def states_after_steps(training: Training) -> list[dict[str, Tensor]]:
    states: list[dict[str, Tensor]] = []
    training.run(
        TrainingListener(
            on_progress=lambda _: states.append(
                {
                    name: tensor.clone()
                    for name, tensor in training.task.network.state_dict().items()
                }
            )
        )
    )
    return states


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_the_head_alone_is_trained(image_set: ImageSet) -> None:
    training = make_training(image_set, "head")
    before = {name: tensor.clone() for name, tensor in training.task.network.state_dict().items()}
    training.run(TrainingListener())
    # Not the running statistics either, nor by weight decay.
    assert changed(before, training.task.network.state_dict()) == {"8.weight", "8.bias"}


def test_everything_is_trained(image_set: ImageSet) -> None:
    training = make_training(image_set, "all")
    before = {name: tensor.clone() for name, tensor in training.task.network.state_dict().items()}
    training.run(TrainingListener())
    assert changed(before, training.task.network.state_dict()) == before.keys()


def test_the_head_comes_first_and_everything_after(image_set: ImageSet) -> None:
    states = states_after_steps(make_training(image_set, "two-stage"))
    assert len(states) == EPOCHS * STEPS_PER_EPOCH
    last_of_head = round(HEAD_SHARE * len(states)) - 1
    assert changed(states[0], states[last_of_head]) == {"8.weight", "8.bias"}
    # In the very next step the statistics move again; its rate is the zero of the warm-up.
    moved = changed(states[last_of_head], states[last_of_head + 1])
    assert {"1.running_mean", "5.running_var"} <= moved
    assert changed(states[last_of_head], states[-1]) == states[0].keys()


@pytest.mark.parametrize("recipe", ["plain", "keiryo"])
@pytest.mark.parametrize("steps", [1, 3, 4, 9])
def test_stopped_at_any_step_it_goes_on_to_the_same_bits(
    recipe: str, steps: int, image_set: ImageSet, tmp_path: Path
) -> None:
    whole = make_training(image_set, "two-stage", recipe=recipe)
    whole.run(TrainingListener())
    checkpoint = tmp_path / "checkpoint.safetensors"
    first = make_training(image_set, "two-stage", recipe=recipe, checkpoint=checkpoint)
    assert not first.run(TrainingListener(wants_stop=stop_after(steps)))
    second = make_training(image_set, "two-stage", recipe=recipe, checkpoint=checkpoint)
    assert second.run(TrainingListener())
    assert not changed(whole.task.network.state_dict(), second.task.network.state_dict())
    assert [e.train_loss for e in second.position.history] == [
        e.train_loss for e in whole.position.history
    ]


def test_each_stage_has_the_schedule_to_itself_and_its_own_peak() -> None:
    recipe = RECIPES["keiryo"]
    tuning = FineTuning(Small(), head="8", mode="two-stage")
    factors = [tuning.begin_step(recipe, share / 1000) for share in range(1000)]
    head, rest = factors[:200], factors[200:]
    assert head[0] == rest[0] == 0.0
    assert max(head) == pytest.approx(1.0, abs=1e-3)
    assert max(rest) == pytest.approx(PEAK_FACTOR_OF_ALL, rel=1e-3)
    assert head[-1] < 1e-3
    assert rest[-1] < 1e-3


def test_what_was_frozen_by_its_maker_stays_frozen() -> None:
    network = Small()
    network[0].requires_grad_(False)
    tuning = FineTuning(network, head="8", mode="two-stage")
    tuning.begin_step(RECIPES["plain"], 0.5)
    assert not network[0].weight.requires_grad  # pyright: ignore
    assert network[4].weight.requires_grad  # pyright: ignore
