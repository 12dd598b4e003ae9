from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from keiryo.models.spec import build
from keiryo.train.recipe import (
    RECIPES,
    evaluation_size,
    learning_rate_factor,
    make_optimizer,
    peak_learning_rate,
    training_size,
)


@given(st.floats(0, 1))
def test_the_factor_rises_over_the_warm_up_and_falls_to_zero(progress: float) -> None:
    recipe = RECIPES["keiryo"]
    factor = learning_rate_factor(recipe, progress)
    assert 0 <= factor <= 1
    later = learning_rate_factor(recipe, min(1.0, progress + 0.01))
    if progress + 0.01 <= recipe.warmup:
        assert later > factor
    elif progress >= recipe.warmup:
        assert later <= factor


def test_the_schedule_begins_and_ends_at_zero_with_its_peak_between() -> None:
    recipe = RECIPES["keiryo"]
    assert learning_rate_factor(recipe, 0.0) == 0.0
    assert learning_rate_factor(recipe, recipe.warmup) == pytest.approx(1.0)
    assert learning_rate_factor(recipe, 1.0) == pytest.approx(0.0)


@given(st.floats(0, 1))
def test_plain_is_constant(progress: float) -> None:
    assert learning_rate_factor(RECIPES["plain"], progress) == 1.0


def test_norms_and_biases_are_not_decayed() -> None:
    with torch.device("meta"):
        network = build("mobilenet_v2", classes=5)
    groups = make_optimizer(network, RECIPES["keiryo"]).param_groups
    for group in groups:
        assert len({parameter.ndim > 1 for parameter in group["params"]}) == 1
        assert (group["weight_decay"] > 0) == (group["params"][0].ndim > 1)
    together = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(together) == sorted(map(id, network.parameters()))


@pytest.mark.parametrize("spec", ["mobilenet_v1:norm=none", "vgg11", "vgg11:norm=batch"])
def test_networks_without_norms_and_vgg_take_smaller_steps(spec: str) -> None:
    with torch.device("meta"):
        network = build(spec, classes=5)
    recipe = RECIPES["keiryo"]
    assert peak_learning_rate(network, recipe) == recipe.learning_rate_without_norm


def test_networks_with_norms_take_large_steps_whatever_their_last_layers_are() -> None:
    recipe = RECIPES["keiryo"]
    with torch.device("meta"):
        normed = build("mobilenet_v1", classes=5)
    hidden = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(9, 9), nn.Linear(9, 5))
    for network in (normed, hidden):
        assert peak_learning_rate(network, recipe) == recipe.learning_rate


@given(st.integers(32, 600), st.floats(0.3, 1), st.floats(0.3, 1), st.floats(0, 1), st.floats(0, 1))
def test_images_grow_and_are_tested_no_smaller_than_trained_and_whole_at_the_end(
    full: int, smallest: float, more: float, grown_by: float, progress: float
) -> None:
    recipe = replace(
        RECIPES["keiryo"],
        smallest_size=smallest,
        largest_size=smallest + (1.0 - smallest) * more,
        grown_by=grown_by,
    )
    trained = training_size(recipe, full, progress)
    tested = evaluation_size(recipe, full, progress)
    assert 32 <= trained <= tested <= full
    assert trained <= training_size(recipe, full, min(1.0, progress + 0.1))
    assert evaluation_size(recipe, full, 1.0) == full


def test_sizes_are_those_that_networks_can_halve() -> None:
    recipe = replace(RECIPES["keiryo"], smallest_size=0.5, largest_size=0.75, grown_by=0.5)
    moments = [0.0, 0.2, 0.3, 0.4, 0.5, 1.0]
    assert [training_size(recipe, 224, moment) for moment in moments] == [
        *(128, 128, 160, 160, 160, 160)
    ]
    assert [evaluation_size(recipe, 224, moment) for moment in moments] == [
        *(160, 160, 224, 224, 224, 224)
    ]
