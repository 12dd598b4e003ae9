"""Looking at steps changes nothing of them, and what is seen is right."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from keiryo.records.training import Snapshot
from keiryo.train import loop
from keiryo.train.budget import Budget
from keiryo.train.classification.task import ImageTask
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from keiryo.train.watching.finite import first_non_finite
from keiryo.train.watching.step_watch import (
    EARLY_STEPS,
    MOST_SNAPSHOTS,
    WATCH_INTERVAL,
    StepWatch,
    is_watched,
    thin_out,
)
from stripes import CLASSES, PLAIN, image_set, small


def train(network: nn.Module) -> Training:
    torch.manual_seed(0)
    training = Training(
        ImageTask(
            network,
            image_set(),
            recipe=PLAIN,
            batch=20,
            seed=0,
            device=torch.device("cpu"),
        ),
        budget=Budget(epochs=2),
    )
    assert training.run(TrainingListener())
    return training


def test_looking_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    watched = train(small())
    monkeypatch.setattr(loop, "is_watched", lambda step, snapshots: False)
    torch.manual_seed(1)
    unwatched = train(small())
    assert watched.position.snapshots
    assert not unwatched.position.snapshots
    state, other = watched.task.network.state_dict(), unwatched.task.network.state_dict()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_what_is_seen_of_a_step_is_what_was_done() -> None:
    torch.manual_seed(2)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        nn.BatchNorm2d(4, momentum=0.01),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 36, CLASSES),
        nn.Sigmoid(),
    )
    with torch.no_grad():
        network[1].bias[1] = -50.0
    before = network[0].weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    watch = StepWatch(network, optimizer)
    inputs = 3.0 + 2.0 * torch.randn(16, 3, 8, 8)
    with watch.during_forward():
        output = network(inputs)
    loss = output.square().mean()
    loss.backward()
    watch.after_backward()
    optimizer.step()
    snapshot = watch.after_step(epoch=1, step=0, loss=loss, learning_rate=0.1, batch=16)
    seen = {layer.layer: layer for layer in snapshot.layers}
    convolved = nn.functional.conv2d(inputs, before)
    gradient = network[0].weight.grad
    assert gradient is not None
    assert seen["0"].gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-3)
    assert seen["0"].update_ratio == pytest.approx(
        float((network[0].weight - before).norm() / before.norm()), rel=1e-3
    )
    assert seen["0"].activation_rms == pytest.approx(
        float(convolved.square().mean().sqrt()), rel=1e-3
    )
    mean, variance = convolved.mean((0, 2, 3)), convolved.var((0, 2, 3))
    assert seen["1"].mean_gap == pytest.approx(
        float((mean.square() / variance).mean().sqrt()), rel=1e-2
    )
    assert seen["1"].variance_ratio == pytest.approx(float((1 / variance).median()), rel=1e-2)
    assert seen["2"].dead_share == 0.25
    assert seen["5"].saturated_share is not None
    norms = torch.stack([p.grad.norm() for p in network.parameters() if p.grad is not None])
    assert snapshot.gradient_norm == pytest.approx(float(norms.norm()), rel=1e-3)
    assert not any(module._forward_hooks for module in network.modules())


def test_long_trainings_are_looked_at_ever_more_rarely() -> None:
    snapshots: list[Snapshot] = []
    looked = 0
    for step in range(100 * WATCH_INTERVAL * 8):
        if is_watched(step, snapshots):
            looked += 1
            snapshots.append(
                Snapshot(epoch=1, step=step, loss=1, learning_rate=1, gradient_norm=1, layers=[])
            )
            thin_out(snapshots)
    assert looked < 4 * MOST_SNAPSHOTS
    assert MOST_SNAPSHOTS / 3 < len(snapshots) <= MOST_SNAPSHOTS
    steps = [snapshot.step for snapshot in snapshots]
    regular = [step for step in steps if step not in EARLY_STEPS[1:]]
    assert len({after - before for before, after in pairwise(regular)}) == 1


def test_what_is_not_finite_is_named() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Linear(8, 5))
    inputs = torch.full((2, 3, 2, 2), 1e38)
    with torch.no_grad():
        network[1].weight.fill_(1.0)
    assert "1 is the first layer that overflows" in first_non_finite(network, inputs)
    with torch.no_grad():
        network[2].weight[0, 0] = math.nan
    assert "2.weight" in first_non_finite(network, inputs)


def test_a_record_keeps_what_is_no_number() -> None:
    snapshot = Snapshot(
        epoch=1, step=0, loss=math.nan, learning_rate=1, gradient_norm=math.inf, layers=[]
    )
    again = Snapshot.model_validate_json(snapshot.model_dump_json())
    assert math.isnan(again.loss)
    assert again.gradient_norm == math.inf


def test_weights_are_averaged() -> None:
    from keiryo.train.optimizer.averaging import WeightAverage

    network = nn.Linear(2, 1, bias=False)
    average = WeightAverage(network, horizon_steps=4.0)
    expected = network.weight.detach().clone()
    for step in range(1, 60):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average.update(step)
        expected += (step - expected) / min(4.0, 1 + step / 10)
    torch.testing.assert_close(average.network.weight, expected)
