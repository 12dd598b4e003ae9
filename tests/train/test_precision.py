"""In which precision networks are trained, and in which they are measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from keiryo.models.saved import Preprocessing
from keiryo.models.spec import build
from keiryo.train.budget import Budget
from keiryo.train.classification.image_set import ImageSet
from keiryo.train.classification.task import ImageTask
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.precision import (
    Precision,
    choose_precision,
    has_bfloat16_units,
    mixed_precision,
)
from keiryo.train.recipe import RECIPES

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(precision: Precision) -> None:
    network = nn.Conv2d(3, 4, 1)
    assert choose_precision(network, CPU, precision) == precision
    with mixed_precision(network, CPU, precision)():
        y = network(torch.ones(1, 3, 2, 2))
    assert y.dtype == getattr(torch, precision)


def test_otherwise_the_processor_decides() -> None:
    best = "bfloat16" if has_bfloat16_units(CPU) else "float32"
    assert choose_precision(nn.Conv2d(3, 4, 1), CPU, "auto") == best
    assert choose_precision(nn.GroupNorm(2, 16), CPU, "auto") == best
    assert choose_precision(nn.GroupNorm(8, 16), CPU, "auto") == "float32"


def test_the_original_experiment_is_repeated_in_its_own_precision() -> None:
    assert RECIPES["reported"].precision == "float32"


@pytest.mark.parametrize("model", ["mobilenet_v2:width=0.5", "resnet18:norm=layer"])
def test_weights_stay_single_and_results_are_of_single_precision(model: str) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    training = Training(
        ImageTask(
            build(model, classes=3),
            ImageSet(
                images,
                random.integers(0, 3, 24),
                np.arange(16),
                np.arange(16, 24),
                Preprocessing(size=32, mean=(0.5,) * 3, std=(0.3,) * 3),
            ),
            recipe=replace(RECIPES["keiryo"], precision="bfloat16"),
            batch=8,
            seed=0,
            device=CPU,
        ),
        budget=Budget(epochs=1),
    )
    seen: list[torch.dtype] = []
    training.task.network.register_forward_hook(lambda *given: seen.append(given[-1].dtype))
    assert training.run(TrainingListener())
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in training.task.network.parameters()} == {torch.float32}
    probabilities = training.task.evaluation(training.trained_network).probabilities(
        np.arange(16, 24)
    )
    # More digits than bfloat16 has.
    assert not np.array_equal(
        probabilities, torch.from_numpy(probabilities).bfloat16().float().numpy()
    )
    history = training.position.history
    assert (
        history[-1].val_accuracy
        == training.task.evaluation(training.trained_network).score(np.arange(16, 24)).accuracy
    )
