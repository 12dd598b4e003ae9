from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import keiryo
from keiryo.cost import weigh
from keiryo.errors import InputError


def refusal(module: nn.Module, shape: object) -> str:
    with pytest.raises(InputError) as refused:
        weigh(module, shape)
    text = str(refused.value)
    assert 1 <= len(text.splitlines()) <= 2
    return text


def test_other_channels() -> None:
    text = refusal(keiryo.build("resnet18", classes=5), (1, 224, 224))
    assert "it takes 3x224x224" in text
    assert "takes 3 channels, was given 1" in text


def test_other_size() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 2))
    text = refusal(network, (3, 28, 28))
    assert "it takes 3x32x32" in text
    assert "in 2 (Linear): takes 3600 features, was given 2704" in text


@pytest.mark.parametrize("shape", [(224, 224), (3,), (1, 3, 224, 224)])
def test_an_input_of_another_rank(shape: tuple[int, ...]) -> None:
    assert "it takes 3x224x224" in refusal(keiryo.build("mobilenet_v1", classes=5), shape)


def test_one_channel_is_not_taken_for_a_missing_batch() -> None:
    assert "channels and 2 spatial axes" in refusal(nn.Conv2d(1, 2, 3), (8, 8))


def test_features_of_a_linear_network() -> None:
    assert "it takes 7" in refusal(nn.Sequential(nn.Linear(7, 3), nn.ReLU()), (5,))


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("no such thing")


def test_an_error_of_the_users_own_names_its_line() -> None:
    text = refusal(nn.Sequential(Failing()), (3, 8, 8))
    assert "KeyError: 'no such thing'" in text
    line = 1 + Path(__file__).read_text().splitlines().index(
        '        raise KeyError("no such thing")'
    )
    assert f"{__file__}, line {line}" in text


def test_a_wrong_input_to_what_needs_values_is_refused_too() -> None:
    class Valued(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, torch.ones(2, 3)) if x.sum() > 0 else x

    assert "RuntimeError" in refusal(Valued(), (4,))


def test_a_missing_input() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    assert "TypeError" in refusal(Two(), (4,))


def test_no_shape_at_all() -> None:
    assert "cannot be run on nothing; it takes 3" in refusal(nn.Linear(3, 2), ())


def test_values_asked_of_a_module_that_holds_none() -> None:
    class Valued(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if float(x.sum()) > 0 else x

    with torch.device("meta"):
        network = Valued()
    assert "build it with its weights" in refusal(network, (3,))
