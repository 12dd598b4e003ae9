"""Calls of layers that are known from earlier ones count as if they were run."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.records.costs import Weighing


class Everything(nn.Module):
    """A network of all kinds of layers whose calls may be known, and of products."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
            *(nn.Conv2d(8, 8, 3, 2, groups=8), nn.GroupNorm(2, 8), nn.SiLU(), nn.Identity()),
        )
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding="same"), nn.BatchNorm2d(8))
        self.tokens = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU(), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = (x + self.second(x)).flatten(2).transpose(1, 2)
        x = self.tokens(self.tokens(x))
        return x @ x.transpose(1, 2) @ x


def figures(weighing: Weighing) -> dict[str, object]:
    return weighing.model_dump(exclude={"notes"})


def test_a_known_call_counts_as_one_that_is_run() -> None:
    network = Everything()
    first, second = (weigh(network, (3, 12, 12)) for _ in range(2))
    # With a rule of the user's own nothing is known before.
    run = weigh(network, (3, 12, 12), rules={"aten::sinh": lambda given, made: 0})
    assert figures(first) == figures(second) == figures(run)
    assert weigh(network, (3, 12, 12), batch=2).macs == 2 * (run.macs or 0)


def test_hyperparameters_and_places_decide() -> None:
    def field(*strides: int) -> int | None:
        layers = [nn.Conv1d(4, 4, 3, stride, padding=1) for stride in strides]
        return weigh(nn.Sequential(*layers), (4, 64)).receptive_field

    assert [field(1, 1, 1), field(2, 1, 1), field(2, 2, 1), field(1, 1, 1)] == [7, 11, 15, 7]


class Generated(nn.Module):
    """A layer whose weights another layer computes from the input."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.layer = nn.Linear(4, 16), nn.Linear(4, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        known = self.layer(x)
        weight = self.maker(x).view(4, 4)
        del self.layer.weight
        self.layer.weight = weight  # no parameter any more
        return self.layer(known)


def test_weights_that_are_replaced_are_not_taken_for_the_layers_own() -> None:
    weighing = weigh(Generated(), (4,))
    last = weighing.layers[-1]
    assert (last.name, last.calls, last.macs) == ("maker", 1, 64)
    (layer,) = [row for row in weighing.layers if row.name == "layer"]
    assert (layer.calls, layer.macs, layer.weight_bytes) == (2, 32, 64)


class Mapped(nn.Module):
    """A layer that is run over a further axis."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.func.vmap(self.layer)(self.layer(x[0])[None].repeat(3, 1, 2))


def test_a_mapped_layer_is_counted_for_the_whole_axis() -> None:
    weighing = weigh(Mapped(), (5, 4))
    assert weighing.macs == 5 * 8 + 3 * 5 * 8


def test_a_function_that_was_replaced_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    before = weigh(network, (4,)).macs
    monkeypatch.setattr(F, "relu", lambda x, inplace=False: x @ torch.zeros(4, 9))
    assert (before, weigh(network, (4,)).macs) == (16, 16 + 36)
