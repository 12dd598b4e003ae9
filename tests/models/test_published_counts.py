"""Element counts against the published implementations, to the last element."""

import pytest
import torch

from keiryo.cost import weigh
from keiryo.models.spec import build
from keiryo.records.costs import Cost


def cost_of(spec: str, classes: int, size: int = 224) -> Cost:
    with torch.device("meta"):
        network = build(spec, classes=classes)
    return weigh(network, (3, size, size))


@pytest.mark.parametrize(
    ("spec", "state_elements"),
    [("mobilenet_v2:width=0.5", 712_629), ("vgg16", 134_281_029)],
)
def test_the_two_of_the_experiment(spec: str, state_elements: int) -> None:
    assert cost_of(spec, classes=5).state_elements == state_elements


# `count_params()` of keras.applications 3.15 at 1000 classes: running statistics included.
KERAS_TOTALS = {
    "mobilenet_v1": 4_253_864,
    "mobilenet_v1:width=0.75": 2_601_976,
    "mobilenet_v1:width=0.5": 1_342_536,
    "mobilenet_v1:width=0.25": 475_544,
    "mobilenet_v2:width=1.4": 6_156_712,
    "mobilenet_v2:width=1.3": 5_431_048,
    "mobilenet_v2": 3_538_984,
    "mobilenet_v2:width=0.75": 2_663_064,
    "mobilenet_v2:width=0.5": 1_987_224,
    "mobilenet_v2:width=0.35": 1_691_208,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "densenet121": 8_062_504,
    "densenet169": 14_307_880,
    "densenet201": 20_242_984,
}


@pytest.mark.parametrize(("spec", "total"), KERAS_TOTALS.items())
def test_state_elements_are_those_of_keras(spec: str, total: int) -> None:
    assert cost_of(spec, classes=1000).state_elements == total


def test_resnet50_differs_from_keras_by_the_biases_before_its_norms() -> None:
    """Keras gives ResNet-50's convolutions biases, which the batch norms behind them undo."""
    biases = 64 + 3 * (64 + 64) + 4 * (128 + 128) + 6 * (256 + 256) + 3 * (512 + 512)
    biases += (3 + 1) * 256 + (4 + 1) * 512 + (6 + 1) * 1024 + (3 + 1) * 2048
    assert cost_of("resnet50", classes=1000).state_elements == 25_636_712 - biases


# Trainable elements of torchvision's models at 1000 classes, from its documentation.
TORCHVISION_PARAMETERS = {
    "mobilenet_v2": 3_504_872,
    "vgg11": 132_863_336,
    "vgg11:norm=batch": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13:norm=batch": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16:norm=batch": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19:norm=batch": 143_678_248,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}


@pytest.mark.parametrize(("spec", "parameters"), TORCHVISION_PARAMETERS.items())
def test_parameters_are_those_of_torchvision(spec: str, parameters: int) -> None:
    assert cost_of(spec, classes=1000).parameters == parameters


def test_the_small_densenet_is_the_papers() -> None:
    """DenseNet-BC with L = 100, k = 12: 0.8 M in table 2; 769,162 in its published code."""
    assert cost_of("densenet", classes=10, size=32).parameters == 769_162


# Multiply-accumulates at 224 x 224 as torchvision lists them ("GFLOPS" there, in fact MACs).
@pytest.mark.parametrize(
    ("spec", "giga_macs"),
    [
        ("mobilenet_v2", 0.30),
        ("vgg11", 7.61),
        ("vgg16", 15.47),
        ("resnet18", 1.81),
        ("resnet50", 4.09),
        ("densenet121", 2.83),
        ("densenet201", 4.29),
    ],
)
def test_multiply_accumulates_are_the_published(spec: str, giga_macs: float) -> None:
    assert round(cost_of(spec, classes=1000).macs / 1e9, 2) == giga_macs
