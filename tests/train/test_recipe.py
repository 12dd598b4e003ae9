import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from keiryo.models.spec import build
from keiryo.train.recipe import RECIPES, learning_rate_factor, make_optimizer, peak_learning_rate


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
    decayed, others = make_optimizer(network, RECIPES["keiryo"]).param_groups
    assert decayed["weight_decay"] > 0
    assert others["weight_decay"] == 0
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim <= 1 for parameter in others["params"])
    together = {id(p) for p in [*decayed["params"], *others["params"]]}
    assert together == {id(p) for p in network.parameters()}


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
