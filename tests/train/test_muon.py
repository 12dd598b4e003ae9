"""Muon is AdamW for vectors, PyTorch's Muon for matrices, and the same for convolutions."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from keiryo.train.optimizer.muon import (
    RATE_FACTOR,
    UPDATE_SIZE,
    Muon,
    orthogonalize,
    suits_muon,
)
from keiryo.train.optimizer.without_compiler import step_without_compiler
from keiryo.train.recipe import RECIPES, make_optimizer

RATE, DECAY, EPSILON = 0.01, 0.5, 1e-8
RECIPE = replace(RECIPES["keiryo"], optimizer="muon", learning_rate=RATE, weight_decay=DECAY)


def seeded(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stepped(weight: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """Return `weight` after a step with each of `gradients`."""
    parameter, other = nn.Parameter(weight.clone()), nn.Parameter(torch.zeros(1))
    groups = [
        {"params": [parameter], "weight_decay": DECAY, "orthogonal": True},
        {"params": [other]},
    ]
    optimizer = Muon(groups, lr=RATE, eps=EPSILON)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        step_without_compiler(optimizer)
    return parameter.detach()


@given(rows=st.integers(1, 12), more=st.integers(0, 12), seed=st.integers(0, 99))
def test_singular_values_come_near_one_and_vectors_stay(rows: int, more: int, seed: int) -> None:
    columns = rows + more
    left, _ = torch.linalg.qr(seeded(rows, rows, seed=seed))
    right, _ = torch.linalg.qr(seeded(columns, rows, seed=seed + 1))
    values = torch.linspace(0.05, 1.0, rows)
    matrix = left @ torch.diag(values) @ right.T
    inner = left.T @ orthogonalize(matrix[None])[0] @ right
    assert inner.diagonal().min() > 0.5
    assert inner.diagonal().max() < 1.4
    assert (inner - inner.diagonal().diag()).abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (20, 20)])
def test_steps_on_a_matrix_are_those_of_pytorch(shape: tuple[int, int]) -> None:
    weight, gradients = seeded(*shape), [seeded(*shape, seed=seed) for seed in (1, 2, 3)]
    theirs = nn.Parameter(weight.clone())
    optimizer = torch.optim.Muon(
        [theirs], lr=RATE * RATE_FACTOR, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in gradients:
        theirs.grad = gradient.clone()
        optimizer.step()
    ours = stepped(weight, gradients)
    moved = (theirs.detach() - weight).norm()
    # Theirs computes in bfloat16.
    assert (ours - theirs.detach()).norm() < 0.02 * moved


def test_convolutions_are_matrices_however_they_lie_in_memory() -> None:
    weight, gradients = seeded(16, 4, 3, 3), [seeded(16, 4, 3, 3, seed=seed) for seed in (1, 2)]
    expected = stepped(weight.flatten(1), [gradient.flatten(1) for gradient in gradients])
    for layout in (torch.contiguous_format, torch.channels_last):
        for layout_of_gradients in (torch.contiguous_format, torch.channels_last):
            moved = stepped(
                weight.contiguous(memory_format=layout),
                [g.contiguous(memory_format=layout_of_gradients) for g in gradients],
            )
            assert torch.allclose(moved.flatten(1), expected, atol=1e-5)


def test_vectors_and_the_classifier_are_left_to_adamw() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16, 12))
    theirs = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16, 12))
    theirs.load_state_dict(ours.state_dict())
    optimizers = [
        make_optimizer(ours, RECIPE),
        make_optimizer(theirs, replace(RECIPE, optimizer="adamw")),
    ]
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        mine.grad = torch.full_like(mine, 0.1)
        other.grad = mine.grad.clone()
    for optimizer in optimizers:
        step_without_compiler(optimizer)
    same = {
        name: torch.equal(parameter, theirs.get_parameter(name))
        for name, parameter in ours.named_parameters()
    }
    assert same == {name: name != "0.weight" for name in same}


def test_what_has_no_gradient_stays() -> None:
    network = nn.Sequential(nn.Linear(12, 12), nn.Linear(12, 12))
    optimizer = make_optimizer(network, RECIPE)
    before = [p.detach().clone() for p in network.parameters()]
    network[1].weight.grad = torch.ones(12, 12)
    step_without_compiler(optimizer)
    changed = [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert changed == [False, False, True, False]


def test_large_matrices_small_ones_and_vectors_are_told_apart() -> None:
    shapes = {
        (160, 480): True,
        (256, 256): False,
        (64, 16, 3, 3): True,
        (32, 1, 3, 3): True,
        (9, 9): True,
    }
    shapes |= {(4096, 25088): False, (512, 512, 3, 3): False, (8, 64): False, (64,): False}
    found = {shape: suits_muon(nn.Parameter(torch.empty(shape))) for shape in shapes}
    assert found == shapes
    assert not suits_muon(nn.Parameter(torch.empty(20, 30).T))


def test_an_update_is_as_large_as_the_rate_says() -> None:
    weight = torch.zeros(32, 64)
    moved = stepped(weight, [seeded(32, 64)])
    size = moved.square().mean().sqrt().item()
    assert size == pytest.approx(RATE * RATE_FACTOR * UPDATE_SIZE, rel=0.3)
