import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from image_trainings import small_image_set, stop_after
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.batches.batches import BatchSampler, TrainingBatches
from keiryo.errors import InputError
from keiryo.models.spec import build
from keiryo.nn.norm_activation import FusedSequential
from keiryo.records.training import Epoch
from keiryo.train import loop
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.listener import TrainingListener, TrainingProgress
from keiryo.train.loop import Training
from keiryo.train.recipe import RECIPES

OTHER = "mobilenet_v1:width=0.25"
SIZE = 64  # small enough, and half of it is still a size to train at
TRIED_RECIPES = {
    "plain": RECIPES["plain"],
    "keiryo": RECIPES["keiryo"],  # which averages weights, and lets images grow
    "sgd": replace(RECIPES["keiryo"], optimizer="sgd"),
    "bfloat16": replace(RECIPES["keiryo"], precision="bfloat16"),
    "mixing": replace(
        RECIPES["keiryo"],
        augmentation=Augmentation(rotation=10.0, mixup=0.4, cutmix=1.0, random_operations=1),
    ),
}


@pytest.fixture(scope="module")
def image_set() -> ImageSet:
    return small_image_set(size=SIZE, train=45, val=15)


class Small(FusedSequential):
    """Batch norm's statistics and dropout's random numbers must come back as well."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Conv2d(8, 12, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(12, 5),
        )


def make_training(
    image_set: ImageSet,
    *,
    recipe: str = "keiryo",
    epochs: int = 3,
    checkpoint: Path | None = None,
    network: nn.Module | None = None,
    seed: int = 1,
    save_memory: bool = False,
    parts: int = 1,
) -> Training:
    torch.manual_seed(seed)
    return Training(
        ImageTask(
            network or Small(),
            image_set,
            recipe=TRIED_RECIPES[recipe],
            batch=8,
            seed=seed,
            device=torch.device("cpu"),
            save_memory=save_memory,
            parts=parts,
        ),
        budget=Budget(epochs=epochs),
        checkpoint=checkpoint,
    )


@pytest.fixture(scope="module")
def whole_training(image_set: ImageSet) -> Callable[[str], Training]:
    """The training of each recipe that nothing stopped; not to be changed."""

    @functools.cache
    def train(recipe: str) -> Training:
        training = make_training(image_set, recipe=recipe)
        assert training.run(TrainingListener())
        return training

    return train


def without_seconds(history: list[Epoch]) -> list[dict[str, float]]:
    return [epoch.model_dump(exclude={"seconds"}) for epoch in history]


@pytest.mark.parametrize("recipe", TRIED_RECIPES)
@pytest.mark.parametrize("steps", [1, 4, 5, 7, 13])
def test_a_training_stopped_at_any_step_goes_on_to_the_same_bits(
    recipe: str,
    steps: int,
    image_set: ImageSet,
    whole_training: Callable[[str], Training],
    tmp_path: Path,
) -> None:
    whole = whole_training(recipe)
    checkpoint = tmp_path / "checkpoint.safetensors"
    first = make_training(image_set, recipe=recipe, checkpoint=checkpoint)
    assert not first.run(TrainingListener(wants_stop=stop_after(steps)))
    torch.rand(5)  # the random state is the checkpoint's, whatever happened since
    second = make_training(image_set, recipe=recipe, checkpoint=checkpoint, seed=1)
    assert second.run(TrainingListener())
    expected, state = whole.task.network.state_dict(), second.task.network.state_dict()
    assert all(torch.equal(expected[name], state[name]) for name in expected)
    assert without_seconds(second.position.history) == without_seconds(whole.position.history)


@pytest.mark.parametrize("recipe", ["plain", "keiryo"])
@pytest.mark.parametrize(
    ("shares", "epochs_by_then"),
    [
        ([0.1], [0]),  # step 1.5 of 15: the second
        ([1 / 3], [1]),  # the end of an epoch, whose evaluation serves
        ([0.125, 0.25, 0.5], [0, 0, 1]),
    ],
)
def test_a_training_that_pauses_goes_on_to_the_same_bits(
    recipe: str,
    shares: list[float],
    epochs_by_then: list[int],
    image_set: ImageSet,
    whole_training: Callable[[str], Training],
    tmp_path: Path,
) -> None:
    whole = whole_training(recipe)
    checkpoint = tmp_path / "checkpoint.safetensors"
    for number, (share, epochs) in enumerate(zip(shares, epochs_by_then, strict=True), start=1):
        training = make_training(image_set, recipe=recipe, checkpoint=checkpoint)
        assert training.run(TrainingListener(), until=share)
        position = training.position
        assert position.epoch == len(position.history) == epochs
        assert position.epoch * 5 + position.step == math.ceil(share * 15)
        assert [pause.share for pause in position.pauses] == shares[:number]
        # Again, as after a kill that came before anyone had heard of the pause.
        again = make_training(image_set, recipe=recipe, checkpoint=checkpoint)
        assert again.run(TrainingListener(), until=share)
        assert again.position.pauses == position.pauses
        assert again.position.examples_seen == position.examples_seen
        if position.step == 0:
            assert position.pauses[-1].val_accuracy == position.history[-1].val_accuracy
        torch.rand(3)
    last = make_training(image_set, recipe=recipe, checkpoint=checkpoint)
    assert last.run(TrainingListener())
    expected, state = whole.task.network.state_dict(), last.task.network.state_dict()
    assert all(torch.equal(expected[name], state[name]) for name in expected)
    assert without_seconds(last.position.history) == without_seconds(whole.position.history)
    assert last.position.snapshots == whole.position.snapshots


def test_a_pause_at_the_last_step_of_an_epoch_comes_after_its_evaluation(
    image_set: ImageSet, whole_training: Callable[[str], Training], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    stopped = make_training(image_set, checkpoint=checkpoint)
    assert not stopped.run(TrainingListener(wants_stop=stop_after(5)), until=1 / 3)
    assert (stopped.position.step, stopped.position.history) == (5, [])
    paused = make_training(image_set, checkpoint=checkpoint)
    assert paused.run(TrainingListener(), until=1 / 3)
    whole = whole_training("keiryo")
    assert without_seconds(paused.position.history) == without_seconds(whole.position.history[:1])


def test_a_budget_of_time_pauses_by_the_clock(image_set: ImageSet, tmp_path: Path) -> None:
    shares = []
    for until in (0.25, 1.0):
        torch.manual_seed(0)
        training = Training(
            ImageTask(
                Small(),
                image_set,
                recipe=RECIPES["keiryo"],
                batch=8,
                seed=0,
                device=torch.device("cpu"),
            ),
            budget=Budget(seconds=1.0),
            checkpoint=tmp_path / "checkpoint.safetensors",
        )
        assert training.run(
            TrainingListener(lambda progress: shares.append(progress.share)), until=until
        )
        if until < 1.0:
            # Not on the dot: an epoch's evaluation counts too, and so do other processes.
            assert 0.1 < shares[-1] < 0.8
    assert [pause.share for pause in training.position.pauses] == [0.25]


def test_a_loss_that_is_no_number_is_no_pause(image_set: ImageSet, tmp_path: Path) -> None:
    network = Small()
    training = make_training(image_set, network=network, checkpoint=tmp_path / "checkpoint")
    with torch.no_grad():
        network[-1].weight.fill_(float("nan"))  # pyright: ignore
    with pytest.raises(FloatingPointError, match="epoch 1"):
        training.run(TrainingListener(), until=0.1)


class KilledError(Exception):
    """Stands for a kill, which leaves no time to save anything."""


@pytest.mark.parametrize("steps", [3, 5, 9])
def test_a_checkpoint_written_on_the_way_gives_the_same_bits_after_a_kill(
    steps: int,
    image_set: ImageSet,
    whole_training: Callable[[str], Training],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = whole_training("keiryo")
    # After every step, where it is otherwise after some seconds.
    monkeypatch.setattr(loop, "SHORTEST_CHECKPOINT_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_INTERVAL_FACTOR", 0)
    checkpoint = tmp_path / "checkpoint.safetensors"
    taken = 0

    def kill(progress: TrainingProgress) -> None:
        nonlocal taken
        taken += 1
        if taken == steps:
            raise KilledError

    with pytest.raises(KilledError):
        make_training(image_set, checkpoint=checkpoint).run(TrainingListener(on_progress=kill))
    again = make_training(image_set, checkpoint=checkpoint)
    assert again.position.epoch * 5 + again.position.step == steps - 1
    again.run(TrainingListener())
    expected, state = whole.task.network.state_dict(), again.task.network.state_dict()
    assert all(torch.equal(expected[name], state[name]) for name in expected)
    assert without_seconds(again.position.history) == without_seconds(whole.position.history)


def test_the_seed_decides_the_training(image_set: ImageSet) -> None:
    histories = []
    for seed in (1, 1, 2):
        training = make_training(image_set, seed=seed)
        training.run(TrainingListener())
        histories.append(without_seconds(training.position.history))
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_a_checkpoint_that_cannot_be_gone_on_with_is_named(
    image_set: ImageSet, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    make_training(image_set, checkpoint=checkpoint).run(TrainingListener(wants_stop=stop_after(3)))
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: from another model.*remove it"):
        make_training(image_set, checkpoint=checkpoint, network=build(OTHER, classes=5))
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: len(data) // 3])
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: damaged.*remove it"):
        make_training(image_set, checkpoint=checkpoint)


def with_shades(image_set: ImageSet, *, size: int) -> ImageSet:
    """Give each class a shade of its own, under noise, which is easily learnt."""
    noise = np.random.default_rng(0).integers(0, 60, (len(image_set.images), size, size, 3))
    shades = (noise + 40 * image_set.labels[:, None, None, None]).astype(np.uint8)
    preprocessing = image_set.preprocessing.model_copy(update={"size": size})
    return replace(image_set, images=shades, preprocessing=preprocessing)


def test_a_network_learns_what_can_be_learnt(image_set: ImageSet) -> None:
    training = make_training(with_shades(image_set, size=SIZE), recipe="plain", epochs=200)
    training.run(TrainingListener())
    history = training.position.history
    assert len(history) == 200
    assert history[0].val_accuracy < 0.5
    assert history[-1].val_accuracy > 0.9


def test_evaluation_is_what_a_plain_loop_says(image_set: ImageSet) -> None:
    training = make_training(image_set)
    score = training.task.evaluation(training.trained_network).score(image_set.val)
    network = training.task.network.eval()
    images = torch.from_numpy(image_set.images[image_set.val]).permute(0, 3, 1, 2)
    labels = torch.from_numpy(image_set.labels[image_set.val])
    with torch.no_grad():
        logits = network((images / 255 - 0.4) / 0.25)
    assert score.accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert score.loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), 1e-4)


class Known(nn.Module):
    """Says the same of every image, so that its loss can be worked out."""

    def __init__(self, logits: tuple[float, ...]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


def test_mixed_images_count_for_both_of_their_labels(image_set: ImageSet) -> None:
    # One class against another in batches of two, so that half of each pair is certain.
    two = replace(image_set, labels=np.arange(60) % 2, train=np.array([0, 1]), val=np.array([2, 3]))
    recipe = replace(
        RECIPES["plain"],
        learning_rate=0.0,
        learning_rate_without_norm=0.0,
        label_smoothing=0.1,
        augmentation=Augmentation(mixup=1.0),
    )
    network = Known((2.0, -1.0))
    training = Training(
        ImageTask(
            network,
            two,
            recipe=recipe,
            batch=2,
            seed=0,
            device=torch.device("cpu"),
        ),
        budget=Budget(epochs=1),
    )
    sampler = BatchSampler(
        two.train, batch=2, size=two.images.shape[1], seed=0, augmentation=recipe.augmentation
    )
    sampled = next(TrainingBatches(two.images, two.labels, sampler).epoch(0))
    training.run(TrainingListener())
    weights = torch.from_numpy(sampled.weights)
    own = nn.functional.one_hot(torch.from_numpy(sampled.labels), 2).float()
    mixed = weights[:, None] * own + (1 - weights[:, None]) * own.flip(0)
    smoothed = 0.9 * mixed + 0.1 / 2
    expected = nn.functional.cross_entropy(network.logits.detach().expand(2, 2), smoothed)
    epoch = training.position.history[0]
    assert epoch.train_loss == pytest.approx(expected.item(), rel=1e-5)
    assert epoch.train_accuracy == 0.5


def test_waiting_for_images_is_a_part_of_the_training(image_set: ImageSet, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    first = make_training(image_set, checkpoint=checkpoint)
    first.run(TrainingListener(wants_stop=stop_after(3)))
    assert 0.0 < first.waiting_share() < 1.0
    waited = first.position.waiting_seconds
    second = make_training(image_set, checkpoint=checkpoint)
    assert second.position.waiting_seconds == waited
    second.run(TrainingListener())
    assert second.position.waiting_seconds > waited


def test_a_loss_that_is_no_number_ends_the_training(image_set: ImageSet) -> None:
    network = Small()
    with torch.no_grad():
        network[-1].weight.fill_(float("nan"))  # pyright: ignore
    with pytest.raises(FloatingPointError, match="epoch 1"):
        make_training(image_set, network=network).run(TrainingListener())


def test_a_budget_of_time_ends_the_training_and_the_schedule(image_set: ImageSet) -> None:
    training = Training(
        ImageTask(
            Small(),
            image_set,
            recipe=RECIPES["keiryo"],
            batch=8,
            seed=0,
            device=torch.device("cpu"),
        ),
        budget=Budget(seconds=0.5),
    )
    assert training.run(TrainingListener())
    history = training.position.history
    # Not on the dot, since other processes may be at work beside the test.
    assert training.position.seconds >= 0.3
    assert len(history) > 1
    assert history[-1].learning_rate < 0.2 * max(epoch.learning_rate for epoch in history)


@pytest.mark.parametrize("recipe", ["plain", "keiryo"])
def test_a_real_model_learns_under_either_recipe(recipe: str, image_set: ImageSet) -> None:
    small_images = with_shades(image_set, size=32)
    torch.manual_seed(0)
    network = build("densenet:layers=1-1,growth=8", classes=5)
    training = make_training(small_images, recipe=recipe, epochs=4, network=network)
    assert training.run(TrainingListener())
    losses = [epoch.train_loss for epoch in training.position.history]
    # With each of five seeds it falls by 0.08 or more, and by less than 0.01 at a rate of zero.
    assert losses[-1] < losses[0] - 0.05


def test_fifty_kills_at_random_moments_change_no_bit(
    image_set: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_training(image_set, recipe="keiryo", epochs=60)
    whole.run(TrainingListener())
    random = np.random.default_rng(0)
    monkeypatch.setattr(loop, "CHECKPOINT_INTERVAL_FACTOR", 0)
    checkpoint = tmp_path / "checkpoint.safetensors"
    kills = 0
    while True:
        # Checkpoints now and then, so that a kill throws some steps away.
        interval = random.uniform(0.0, 0.004)
        monkeypatch.setattr(loop, "SHORTEST_CHECKPOINT_INTERVAL_SECONDS", interval)
        steps_to_live = random.integers(1, 8) if kills < 50 else math.inf

        def kill(progress: TrainingProgress) -> None:
            nonlocal steps_to_live
            steps_to_live -= 1
            if steps_to_live < 0:
                raise KilledError

        training = make_training(
            image_set, recipe="keiryo", epochs=60, checkpoint=checkpoint, seed=1
        )
        try:
            assert training.run(TrainingListener(on_progress=kill))
            break
        except KilledError:
            kills += 1
            torch.rand(3)
    assert kills == 50
    for one, other in (
        (whole.task.network, training.task.network),
        (whole.trained_network, training.trained_network),
    ):
        expected, state = one.state_dict(), other.state_dict()
        assert all(torch.equal(expected[name], state[name]) for name in expected)
    assert without_seconds(training.position.history) == without_seconds(whole.position.history)
    assert training.position.snapshots == whole.position.snapshots


def test_a_network_of_one_size_alone_is_trained_at_that_size(image_set: ImageSet) -> None:
    own = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 5))
    assert make_training(image_set, recipe="keiryo", network=own, epochs=1).run(TrainingListener())


def test_saving_memory_changes_no_bit(image_set: ImageSet) -> None:
    states, snapshots = [], []
    for saves in (False, True):
        training = make_training(image_set, save_memory=saves)
        training.run(TrainingListener())
        states.append(training.task.network.state_dict())
        snapshots.append(training.position.snapshots)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert snapshots[0] == snapshots[1]


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_without_batch_norm_a_batch_in_parts_teaches_what_a_whole_one_does(
    parts: int, image_set: ImageSet
) -> None:
    states = []
    for count in (1, parts):
        torch.manual_seed(2)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4), nn.GroupNorm(2, 8), nn.Flatten(), nn.LazyLinear(5)
        )
        network(torch.zeros(1, 3, SIZE, SIZE))
        training = make_training(image_set, recipe="plain", network=network, epochs=1, parts=count)
        training.run(TrainingListener())
        states.append(training.task.network.state_dict())
    torch.testing.assert_close(states[1], states[0], rtol=1e-3, atol=1e-5)
