"""What every model that can be named must hold."""

import itertools
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from conftest import slow_if
from keiryo.models.saved import Preprocessing, SavedModel, load_model, save_model
from keiryo.models.spec import FACTORIES, build, model_options
from keiryo.nn.normalization import Norm

CLASSES = 7
# VGG takes seconds, for its classifier has 100 million weights.
VGGS = [name for name in FACTORIES if name.startswith("vgg")]
# These repeat the layers of a shallower network more often.
DEEPER_TWINS = [
    *VGGS[1:],
    *("resnet34", "densenet169", "densenet201"),
    *("mobilenet_v3_large", "mobilenet_v4_conv_medium", "efficientnet_lite0"),
]
# The other families show that norms of every kind pass gradients on.
BY_TWO_NORMS = [
    *VGGS,
    *("mobilenet_v3_small", "mobilenet_v4_conv_small", "efficientnet_b0", "shufflenet_v2"),
]
MODELS = [slow_if(name in (*VGGS, *DEEPER_TWINS), name) for name in FACTORIES]
SIZE = 64  # the least at which every stage has more than one pixel, as instance norm needs


def spec_of(name: str, norm: str) -> str:
    return f"{name}:norm={norm}"


def images() -> torch.Tensor:
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def build_seeded(spec: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build(spec, classes=CLASSES)


@pytest.mark.parametrize(
    ("name", "norm"),
    [
        slow_if(
            name in DEEPER_TWINS or (name in BY_TWO_NORMS and norm not in ("none", "batch")),
            name,
            norm,
        )
        for name, norm in itertools.product(FACTORIES, get_args(Norm))
    ],
)
def test_logits_and_gradients(name: str, norm: str) -> None:
    network = build_seeded(spec_of(name, norm))
    logits = network(images())
    assert logits.shape == (2, CLASSES)
    assert logits.isfinite().all()
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    # Near ln(7), 1.9; without norms, sums of residuals grow by up to six more, but no further.
    assert loss.item() < 10.0
    loss.backward()
    without = [
        parameter_name
        for parameter_name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all()
    ]
    assert not without


@pytest.mark.parametrize("name", MODELS)
def test_save_and_load_give_the_same_model(name: str, tmp_path: Path) -> None:
    network = build_seeded(name).eval()
    description = SavedModel(
        keiryo_version="0",
        model=name,
        classes=[str(number) for number in range(CLASSES)],
        preprocessing=Preprocessing(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2)),
    )
    save_model(tmp_path / "model.safetensors", network, description)
    again, described = load_model(tmp_path / "model.safetensors")
    assert described == description
    with torch.inference_mode():
        assert torch.equal(network(images()), again(images()))


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_every_bit(name: str) -> None:
    one, same, other = (build_seeded(name, seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", FACTORIES)
def test_every_family_can_swap_its_norm(name: str) -> None:
    norm = next(option for option in model_options(name) if option.key == "norm")
    assert set(norm.choices) == set(get_args(Norm))
