"""Steps without PyTorch's compiler are PyTorch's own steps."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from keiryo.train.optimizer.without_compiler import step_without_compiler
from keiryo.train.recipe import RECIPES, make_optimizer

TRAIN_WITHOUT_COMPILER = """
import sys
import torch
from torch import nn
from keiryo.train.recipe import RECIPES, make_optimizer
from keiryo.train.optimizer.without_compiler import step_without_compiler
network = nn.Linear(3, 2)
optimizer = make_optimizer(network, RECIPES["keiryo"])
optimizer.load_state_dict(optimizer.state_dict())
for _ in range(2):
    optimizer.zero_grad(set_to_none=True)
    network(torch.ones(1, 3)).sum().backward()
    step_without_compiler(optimizer)
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.parametrize("kind", ["adam", "adamw", "muon", "sgd"])
def test_a_step_is_the_optimisers_own(kind: str) -> None:
    recipe = replace(RECIPES["keiryo"], optimizer=kind)
    torch.manual_seed(0)
    # The first is large enough to be made orthogonal, the last never is.
    ours, theirs = (nn.Sequential(nn.Linear(12, 10), nn.Linear(10, 4)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    our_optimizer, their_optimizer = (make_optimizer(each, recipe) for each in (ours, theirs))
    for _ in range(3):
        inputs = torch.randn(8, 12)
        for network, optimizer in ((ours, our_optimizer), (theirs, their_optimizer)):
            optimizer.zero_grad(set_to_none=True)
            network(inputs).square().mean().backward()
        step_without_compiler(our_optimizer)
        their_optimizer.step()
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


def test_the_compiler_is_not_imported() -> None:
    subprocess.run([sys.executable, "-c", TRAIN_WITHOUT_COMPILER], check=True)
