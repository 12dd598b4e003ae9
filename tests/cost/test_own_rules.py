import pytest
import torch
from torch import Tensor, nn

from keiryo.cost import weigh
from keiryo.errors import InputError


@torch.library.custom_op("keiryo_rules::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return x * 2


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return twice(self.layer(x))


def test_an_operator_of_the_users_own_runs_on_the_processor_and_is_unknown() -> None:
    weighing = weigh(Twice(), (4,))
    assert (weighing.macs, weighing.known_macs) == (None, 16)
    assert weighing.unknown_operators == ["keiryo_rules.twice"]


@pytest.mark.parametrize("operator", ["keiryo_rules::twice", torch.ops.keiryo_rules.twice])
def test_a_rule_counts_it(operator: object) -> None:
    weighing = weigh(Twice(), (4,), rules={operator: lambda inputs, outputs: inputs[0].numel()})
    assert weighing.macs == 16 + 4


def test_a_rule_for_a_class_of_modules() -> None:
    network = nn.Sequential(Twice(), nn.Linear(4, 2))
    weighing = weigh(network, (4,), rules={Twice: lambda module, inputs, outputs: 100})
    assert weighing.macs == 100 + 8
    (row,) = [layer for layer in weighing.layers if layer.type == "Twice"]
    assert (row.macs, row.parameters) == (100, 20)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"twice": lambda inputs, outputs: 1}, "neither an operator"),
        ({"keiryo_rules::twice": 3}, "no function"),
        ({"keiryo_rules::twice": lambda inputs, outputs: -1}, "whole number"),
        ({"keiryo_rules::twice": lambda inputs, outputs: inputs[9]}, "failed with IndexError"),
    ],
)
def test_rules_that_are_wrong(rules: dict[object, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        weigh(Twice(), (4,), rules=rules)  # pyright: ignore[reportArgumentType]
