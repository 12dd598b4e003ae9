import torch
from torch import nn
from torch.nn import functional

from keiryo.cost import count_cost


class Functional(nn.Module):
    """Works without submodules, and uses one weight twice."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        once = functional.linear(x.flatten(1), self.weight)
        return once + functional.linear(x.flatten(1), self.weight)


def test_functional_calls_and_reuse_count_as_they_happen() -> None:
    cost = count_cost(Functional(), (1, 2, 2))
    assert cost.parameters == 20
    assert cost.macs == 2 * 20


def test_running_statistics_are_state_but_no_parameters() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    cost = count_cost(network, (3, 8, 8))
    assert cost.parameters == 3 * 9 * 8 + 8 + 16
    assert cost.state_elements == cost.parameters + 16
    assert cost.size_bytes == 4 * cost.state_elements


def test_counting_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count_cost(network, (3, 6, 6))
    assert network.training
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_frozen_parameters_are_not_counted_as_trainable() -> None:
    network = nn.Linear(4, 2)
    network.weight.requires_grad_(False)
    assert count_cost(nn.Sequential(nn.Flatten(), network), (1, 2, 2)).parameters == 2
