"""Each fault is planted in a real, small training and found; healthy trainings raise nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from keiryo.records.base import Finding
from keiryo.records.training import Epoch, LayerSnapshot, Snapshot
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.diagnosis import Evidence, HeldOut, diagnose
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.recipe import RECIPES, Recipe
from stripes import CLASSES, PLAIN, deep, image_set, small


def examine(
    network: Callable[[], nn.Module],
    data: ImageSet,
    *,
    recipe: Recipe = PLAIN,
    epochs: int = 8,
    batch: int = 20,
    seed: int = 0,
) -> list[Finding]:
    """Train, and return what the diagnosis finds."""
    torch.manual_seed(seed)
    training = Training(
        ImageTask(
            network(),
            data,
            recipe=recipe,
            batch=batch,
            seed=seed,
            device=torch.device("cpu"),
        ),
        budget=Budget(epochs=epochs),
    )
    evidence = Evidence(classes=CLASSES, batch=batch, recipe=recipe.name)
    try:
        training.run(TrainingListener())
    except FloatingPointError as error:
        evidence = replace(evidence, failure=str(error))
    else:
        evidence = replace(
            evidence,
            train_accuracy=training.task.evaluation(training.trained_network)
            .score(data.train)
            .accuracy,
            val_accuracy=training.task.evaluation(training.trained_network)
            .score(data.val)
            .accuracy,
            accuracy_by_batch_statistics=training.task.evaluation(
                training.trained_network
            ).accuracy_by_batch_statistics(data.train),
            held_out=HeldOut(
                training.task.evaluation(training.trained_network).probabilities(data.val),
                data.labels[data.val],
            ),
        )
    position = training.position
    return diagnose(replace(evidence, history=position.history, snapshots=position.snapshots))


def codes(findings: list[Finding]) -> dict[str, str]:
    assert all(finding.evidence and finding.advice for finding in findings)
    return {finding.code: finding.severity for finding in findings}


def killed_units() -> nn.Module:
    network = small()
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.BatchNorm2d):
                layer.bias[:-1] = -20.0
    return network


def sorted_by_class(data: ImageSet) -> ImageSet:
    return replace(data, train=data.train[np.argsort(data.labels[data.train], kind="stable")])


FAULTS: dict[str, tuple[Callable[[], list[Finding]], str]] = {
    "vanishing_gradients": (lambda: examine(lambda: deep(nn.Sigmoid), image_set()), "error"),
    "exploding_gradients": (
        lambda: examine(lambda: deep(nn.ReLU, gain=12.0), image_set(), epochs=2),
        "error",
    ),
    "stuck_at_chance": (lambda: examine(lambda: deep(nn.Sigmoid), image_set()), "error"),
    "dead_relus": (lambda: examine(killed_units, image_set()), "warning"),
    "step_too_large": (
        lambda: examine(
            lambda: deep(nn.ReLU, layers=4),
            image_set(),
            recipe=replace(PLAIN, learning_rate_without_norm=1.0),
        ),
        "error",
    ),
    "step_too_small": (
        lambda: examine(small, image_set(), recipe=replace(PLAIN, learning_rate=1e-7)),
        "error",
    ),
    "overfitting": (
        lambda: examine(
            lambda: deep(nn.ReLU, layers=1), image_set(train=60, noise=150.0), epochs=30
        ),
        "warning",
    ),
    "underfitting": (
        lambda: examine(lambda: small(width=1), image_set(noise=60.0), epochs=40),
        "warning",
    ),
    "statistics_lag": (
        lambda: examine(
            lambda: small(momentum=0.0005, gain=8.0), sorted_by_class(image_set(unevenness=30.0))
        ),
        "error",
    ),
    "batch_too_small": (
        lambda: examine(small, image_set(unevenness=60.0), batch=2, epochs=2),
        "warning",
    ),
    "label_noise": (
        lambda: examine(small, image_set(train=1000, wrong_labels=0.3), epochs=12),
        "warning",
    ),
    "plateau": (
        lambda: examine(
            lambda: small(width=4),
            image_set(train=1000, wrong_labels=0.3),
            recipe=replace(PLAIN, learning_rate=0.03),
            epochs=16,
        ),
        "warning",
    ),
    "non_finite": (
        lambda: examine(
            lambda: deep(nn.ReLU),
            image_set(),
            recipe=replace(PLAIN, optimizer="sgd", learning_rate_without_norm=1e6),
        ),
        "error",
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_is_found(code: str) -> None:
    plant, severity = FAULTS[code]
    assert codes(plant()).get(code) == severity


def residual() -> nn.Module:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.branch(x)

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1),
        Shortcut(),
        Shortcut(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


def tanh_convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2),
        nn.Tanh(),
        nn.Conv2d(16, 16, 3, stride=2),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


HEALTHY: dict[str, Callable[[], nn.Module]] = {
    "batch norm": small,
    "shortcuts": residual,
    "no norm": lambda: deep(nn.ReLU, layers=2),
    "tanh": tanh_convolutions,
}


@pytest.mark.parametrize("network", HEALTHY)
@pytest.mark.parametrize("recipe", [pytest.param("plain", marks=pytest.mark.slow), "keiryo"])
def test_a_healthy_training_raises_nothing(network: str, recipe: str) -> None:
    healthy = replace(RECIPES[recipe], learning_rate_without_norm=3e-3)
    if recipe == "keiryo":
        # Mirrored, turned or cut, stripes are of another class.
        healthy = replace(healthy, augmentation=PLAIN.augmentation)
    found = codes(examine(HEALTHY[network], image_set(), recipe=healthy, epochs=20))
    assert not found


def judged(**changes: object) -> dict[str, str]:
    """Return what is found of a record that is healthy but for `changes`."""
    epochs = [
        Epoch(
            epoch=number + 1,
            train_loss=1.6 / (number + 1),
            train_accuracy=1 - 0.5 / (number + 1),
            val_loss=1.6 / (number + 1),
            val_accuracy=0.9,
            learning_rate=1e-3,
            seconds=1.0,
        )
        for number in range(8)
    ]
    healthy = Evidence(classes=5, batch=32, history=epochs, train_accuracy=0.94, val_accuracy=0.9)
    return codes(diagnose(replace(healthy, **changes)))


def test_waiting_for_images_is_found() -> None:
    assert judged() == {}
    assert judged(waiting_share=0.01) == {}
    assert judged(waiting_share=0.3) == {"input_bound": "warning"}


def test_a_crop_is_named_where_a_network_does_badly_on_what_it_sees() -> None:
    overfitted = Evidence(classes=5, batch=32, train_accuracy=0.9, val_accuracy=0.6)
    (finding,) = diagnose(replace(overfitted, cropped_share=0.25))
    assert "--fit crop cut off 25% of the images' area" in finding.advice
    assert "--fit letterbox" in finding.advice
    assert "--fit" not in diagnose(replace(overfitted, cropped_share=0.05))[0].advice


def test_predictions_of_one_class_alone_are_found() -> None:
    labels = np.arange(100) % 5
    likely = np.full((100, 5), 0.1)
    likely[:, 2] = 0.6
    assert judged(held_out=HeldOut(likely, labels))["class_collapse"] == "error"
    right = np.full((100, 5), 0.1)
    right[np.arange(100), labels] = 0.6
    assert judged(held_out=HeldOut(right, labels)) == {}
    # One that is right to say so: nearly all images are of that class.
    assert judged(held_out=HeldOut(likely[:4], np.array([2, 2, 2, 2]))) == {}


def test_nothing_is_said_of_a_training_that_never_began() -> None:
    assert codes(diagnose(Evidence(classes=5, batch=8))) == {}


def test_a_training_that_had_no_time_is_not_called_a_failure() -> None:
    at_chance = Epoch(
        epoch=1,
        train_loss=1.6,
        train_accuracy=0.2,
        val_loss=1.6,
        val_accuracy=0.2,
        learning_rate=1e-3,
        seconds=1.0,
    )
    of_one_class = HeldOut(np.tile([0.1, 0.1, 0.6, 0.1, 0.1], (100, 1)), np.arange(100) % 5)
    assert judged(
        history=[at_chance], val_accuracy=0.2, train_accuracy=0.2, held_out=of_one_class
    ) == {"too_short": "warning"}


def test_a_rise_in_the_last_epoch_alone_is_called_so() -> None:
    rising = [
        Epoch(
            epoch=number,
            train_loss=1.0 / number,
            train_accuracy=0.5 + 0.1 * number,
            val_loss=1.0 / number,
            val_accuracy=0.4 + 0.1 * number,
            learning_rate=1e-3,
            seconds=1.0,
        )
        for number in range(1, 6)
    ]
    found = diagnose(
        Evidence(classes=5, batch=32, history=rising, train_accuracy=0.95, val_accuracy=0.9)
    )
    [short] = [finding for finding in found if finding.code == "too_short"]
    assert short.evidence == (
        "held-out accuracy still rose from 80.0% to 90.0% in the last of 5 epochs"
    )


def test_a_training_that_paused_is_not_called_too_short_nor_at_its_end() -> None:
    standing_still = [
        Epoch(
            epoch=number + 1,
            train_loss=1.2,
            train_accuracy=0.5,
            val_loss=1.2,
            val_accuracy=0.5 if number == 7 else 0.3,
            learning_rate=1e-3,
            seconds=1.0,
        )
        for number in range(8)
    ]
    assert judged(history=standing_still) == {"plateau": "warning", "too_short": "info"}
    assert judged(history=standing_still, has_paused=True) == {}
    # What is wrong on the way is wrong.
    assert judged(has_paused=True, waiting_share=0.3) == {"input_bound": "warning"}


@pytest.mark.parametrize(("has_norm", "advised"), [(True, False), (False, True)])
def test_a_norm_is_not_advised_where_there_is_one(has_norm: bool, advised: bool) -> None:
    layers = [LayerSnapshot(layer="relu", kind="activation", dead_share=0.95)]
    if has_norm:
        layers.append(LayerSnapshot(layer="norm", kind="batch norm"))
    snapshot = Snapshot(
        epoch=3, step=50, loss=0.4, learning_rate=1e-3, gradient_norm=1.0, layers=layers
    )
    (finding,) = diagnose(Evidence(classes=5, batch=32, snapshots=[snapshot]))
    assert finding.code == "dead_relus"
    assert ("norm=batch" in finding.advice) == advised


def epoch(number: int, loss: float, *, rate: float = 1e-3, accuracy: float = 0.6) -> Epoch:
    return Epoch(
        epoch=number,
        train_loss=loss,
        train_accuracy=accuracy,
        val_loss=loss,
        val_accuracy=accuracy,
        learning_rate=rate,
        seconds=1.0,
    )


def test_a_network_at_chance_is_told_when_it_was_stopped_too() -> None:
    begun = [epoch(1, 1.6, accuracy=0.2)]
    none = {"train_accuracy": None, "val_accuracy": None}
    for stopped in ({"was_stopped": True}, {"has_paused": True}):
        assert judged(history=begun, **none, **stopped) == {"at_chance_when_stopped": "info"}
    assert judged(history=[epoch(1, 1.0)], **none, was_stopped=True) == {}


def test_chance_is_that_of_the_classes_shares() -> None:
    # Always naming the class of 90 % has a loss of 0.325: far below ln 2, and no better than that.
    labels = np.arange(300) < 30
    one_class = HeldOut(np.tile([0.9, 0.1], (300, 1)), labels.astype(int))
    history = [epoch(number, 0.325, accuracy=0.9) for number in range(1, 9)]
    long = [Snapshot(epoch=8, step=200, loss=0.3, learning_rate=1e-3, gradient_norm=1.0, layers=[])]
    figures = {"classes": 2, "history": history, "snapshots": long, "held_out": one_class}
    figures |= {"train_accuracy": 0.9, "val_accuracy": 0.9}
    found = judged(**figures, class_shares=[0.9, 0.1])
    assert found.items() >= {"stuck_at_chance": "error", "class_collapse": "error"}.items()
    # With weights, all classes count alike: the loss of guessing is ln 2.
    learnt = HeldOut(np.where(labels[:, None], [0.2, 0.8], [0.8, 0.2]), labels.astype(int))
    figures |= {"held_out": learnt, "history": [epoch(n, 0.5 / n) for n in range(1, 9)]}
    assert judged(**figures, class_shares=[0.5, 0.5]) == {}


def test_underfitting_is_not_claimed_of_a_schedule_that_ended() -> None:
    long = [Snapshot(epoch=8, step=200, loss=1.0, learning_rate=1e-3, gradient_norm=1.0, layers=[])]
    figures = {"snapshots": long, "train_accuracy": 0.6, "val_accuracy": 0.58}
    # The loss fell for as long as the steps were large.
    rates = [1e-3, 1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    falling = [1.4, 1.2, 1.1, 1.0, 0.99, 0.98, 0.98, 0.98]
    history = [epoch(n + 1, falling[n], rate=rates[n]) for n in range(8)]
    assert "underfitting" not in judged(history=history, **figures)
    standing = [epoch(n + 1, 1.2, rate=rates[n]) for n in range(8)]
    assert "underfitting" in judged(history=standing, **figures)
    assert "underfitting" in judged(history=[epoch(n, 1.2) for n in range(1, 9)], **figures)


def test_batches_that_starve_a_small_set_are_found_with_the_batch_to_take() -> None:
    starved = {"batch": 128, "train_images": 200, "steps_per_epoch": 1, "train_accuracy": 0.5}
    found = diagnose(
        Evidence(
            classes=5,
            history=[epoch(n, 1.0 / n) for n in range(1, 9)],
            val_accuracy=0.5,
            **starved,
        )
    )
    (finding,) = [finding for finding in found if finding.code == "few_steps"]
    assert "leave out 72 of the 200 images" in finding.evidence
    assert "--batch 8" in finding.advice
    assert "few_steps" not in judged(**starved | {"batch": 8, "steps_per_epoch": 25})
    # One that learnt all the same.
    assert "few_steps" not in judged(**starved | {"train_accuracy": 0.99})


def test_labels_are_accused_only_by_a_network_that_is_good_enough() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 270 + [1] * 30)
    names_one_class = random.dirichlet([9, 1], 300)
    assert not HeldOut(names_one_class, labels).is_skilled
    good = np.where(labels[:, None] == 1, [0.2, 0.8], [0.8, 0.2])
    assert HeldOut(good, labels).is_skilled
