"""Networks as a recipe sets them up before the first step."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from keiryo.models.saved import Preprocessing, SavedModel, load_model, save_model
from keiryo.models.spec import build
from keiryo.nn.blocks.inverted_residual import InvertedResidual
from keiryo.train.keras_defaults import KERAS_EPSILON
from keiryo.train.recipe import RECIPES, prepare_network


def prepared(model: str, recipe: str) -> nn.Module:
    torch.manual_seed(0)
    network = build(model, classes=5)
    prepare_network(network, RECIPES[recipe])
    return network


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        ("features.0.convolution", 9 * 3, 9 * 16),
        # Keras's depthwise kernel is (3, 3, C, 1).
        ("features.3.branch.depthwise.convolution", 9 * 96, 9),
        ("features.3.branch.project.convolution", 96, 16),
        ("classifier", 1280, 5),
    ],
)
def test_weights_are_drawn_as_keras_draws_them(layer: str, fan_in: int, fan_out: int) -> None:
    weight = prepared("mobilenet_v2:width=0.5", "reported").get_submodule(layer).weight
    assert isinstance(weight, torch.Tensor)
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert float(weight.abs().max()) == pytest.approx(limit, rel=0.05)
    assert float(weight.abs().max()) <= limit


def test_norms_and_dropout_are_kerass() -> None:
    for norm in prepared("mobilenet_v2:width=0.5", "reported").modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert (norm.eps, norm.momentum) == (KERAS_EPSILON, pytest.approx(0.001))
    for layer in prepared("vgg11", "reported").modules():
        assert not isinstance(layer, nn.Dropout) or layer.p == 0.0


def test_a_saved_network_keeps_kerass_epsilon(tmp_path: Path) -> None:
    network = prepared("mobilenet_v2:width=0.35", "reported").eval()
    description = SavedModel(
        keiryo_version="0",
        model="mobilenet_v2:width=0.35",
        classes=list("abcde"),
        preprocessing=Preprocessing(size=32, mean=(0.5,) * 3, std=(0.25,) * 3),
        batch_norm_epsilon=KERAS_EPSILON,
    )
    save_model(tmp_path / "model.safetensors", network, description)
    loaded, _ = load_model(tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(loaded(images), network(images))


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_inverted_residuals_begin_as_their_shortcuts(norm: str) -> None:
    network = prepared(f"mobilenet_v2:width=0.35,norm={norm}", "keiryo").eval()
    silent = 0
    for block in network.modules():
        if isinstance(block, InvertedResidual):
            channels = next(m.in_channels for m in block.modules() if isinstance(m, nn.Conv2d))
            inputs = torch.randn(2, channels, 8, 8)
            if block.adds_input:
                assert torch.equal(block(inputs), inputs)
                silent += 1
            else:
                assert float(block(inputs).detach().abs().max()) > 0
    assert silent == 10  # of the 17 blocks of the paper's table 2


@pytest.mark.parametrize(
    ("model", "recipe"), [("mobilenet_v2:width=0.35", "plain"), ("resnet18", "keiryo")]
)
def test_other_scales_begin_at_one(model: str, recipe: str) -> None:
    norms = [m for m in prepared(model, recipe).modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all((norm.weight == 1).all() for norm in norms)
