import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import keiryo
from conftest import slow_if
from keiryo.cost import weigh
from keiryo.errors import InputError
from keiryo.records.costs import TrainingStep


def step_of(network: nn.Module, *shape: int) -> TrainingStep:
    step = weigh(network, shape, training=True).training
    assert step is not None
    return step


def test_a_linear_layer_by_hand() -> None:
    step = step_of(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), 8)
    # Each weight's gradient takes its forward's products; so does the input's, but the first's.
    assert (step.forward_macs, step.backward_macs) == (40, 32 + 8 + 8)
    # The first layer's input, and the ReLU's output, which the second layer keeps too.
    assert step.saved_activation_bytes == 4 * (8 + 4)
    assert step.gradient_bytes == 4 * (36 + 10)
    assert step.optimizer_bytes["Adam"] == 2 * step.gradient_bytes


@pytest.mark.parametrize(
    "model",
    ["vgg11", "densenet:layers=2-2", slow_if(True, "resnet18"), slow_if(True, "densenet121")],
)
# (Of networks with groups it counts the backward pass as if they had none.)
def test_the_backward_pass_equals_torchs_own_count(model: str) -> None:
    with torch.device("meta"):
        network = keiryo.build(model, classes=7)
        counter = FlopCounterMode(display=False)
        with counter:
            network(torch.empty(2, 3, 64, 64)).sum().backward()
    weighing = weigh(network, (3, 64, 64), batch=2, training=True)
    step = weighing.training
    assert step is not None
    assert step.backward_macs is not None
    assert step.forward_macs + step.backward_macs == counter.get_total_flops() // 2


def test_frozen_layers_need_no_gradients() -> None:
    network = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    weighing = weigh(network, (8,), training=True)
    assert (weighing.parameters, weighing.frozen_parameters) == (10, 36)
    assert weighing.training is not None
    assert weighing.training.backward_macs == 8
    assert weighing.training.gradient_bytes == 40
    assert [(row.parameters, row.frozen_parameters) for row in weighing.layers] == [
        (0, 36),
        (10, 0),
    ]


def test_the_network_is_left_as_it_was() -> None:
    class Valued(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.layer(x)) if float(x.sum()) > -1 else x

    network = Valued().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert weigh(network, (4,), batch=3, training=True).training is not None
    assert not network.training
    assert network.layer.weight.grad is None
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_what_cannot_be_trained() -> None:
    with pytest.raises(InputError, match="training step"):
        weigh(nn.ReLU(), (4,), training=True)
    with pytest.raises(InputError, match="give a larger batch"):
        weigh(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), (4,), training=True)
