"""Element counts against the published implementations, to the last element."""

from functools import cache

import pytest
import torch

from keiryo.cost import weigh
from keiryo.models.meta import build_weightless
from keiryo.models.spec import build, parse_spec
from keiryo.records.costs import Cost


@cache
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
    "mobilenet_v3_small": 2_542_856,
    "mobilenet_v3_large": 5_483_032,
    "efficientnet_b0": 5_288_548,
    "shufflenet_v2:width=0.5": 1_366_792,
    "shufflenet_v2": 2_278_604,
    "shufflenet_v2:width=1.5": 3_503_624,
    "shufflenet_v2:width=2.0": 7_393_996,
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


# Trainable elements of timm's models at 1000 classes, as timm 1.0.31 builds them.
TIMM_PARAMETERS = {
    "mobilenet_v3_small:width=0.5": 1_593_224,
    "mobilenet_v3_small:width=0.75": 2_041_872,
    "mobilenet_v3_large:width=0.75": 3_993_528,
    "mobilenet_v4_conv_small": 3_774_024,
    "mobilenet_v4_conv_small:width=0.5": 2_238_952,
    "mobilenet_v4_conv_medium": 9_715_512,
    "efficientnet_lite0": 4_652_008,
}


@pytest.mark.parametrize(("spec", "parameters"), TIMM_PARAMETERS.items())
def test_parameters_are_those_of_timm(spec: str, parameters: int) -> None:
    network = build_weightless(parse_spec(spec), classes=1000)
    assert sum(weight.numel() for weight in network.parameters()) == parameters


@pytest.mark.parametrize("width", [0.5, 1.5])
def test_resnet_has_the_parameters_of_its_width(width: float) -> None:
    stem, *_ = stages = [int(channels * width) for channels in (64, 128, 256, 512)]
    expected = 7 * 7 * 3 * stem + 2 * stem + 1000 * (stages[-1] + 1)
    before = stem
    for channels in stages:
        expected += 9 * channels * (before + 3 * channels) + 4 * 2 * channels
        if channels != before:
            expected += before * channels + 2 * channels
        before = channels
    assert cost_of(f"resnet18:width={width}", classes=1000).parameters == expected


def test_the_small_densenet_is_the_papers() -> None:
    """DenseNet-BC with L = 100, k = 12: 0.8 M in table 2; 769,162 in its published code."""
    assert cost_of("densenet", classes=10, size=32).parameters == 769_162


# Multiply-accumulates at 224 x 224 as torchvision lists them ("GFLOPS" there, in fact MACs).
@pytest.mark.parametrize(
    ("spec", "giga_macs"),
    [
        ("mobilenet_v2", 0.30),
        ("mobilenet_v3_small", 0.06),
        ("mobilenet_v3_large", 0.22),
        ("efficientnet_b0", 0.39),
        ("shufflenet_v2:width=0.5", 0.04),
        ("shufflenet_v2", 0.14),
        ("shufflenet_v2:width=2.0", 0.58),
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
