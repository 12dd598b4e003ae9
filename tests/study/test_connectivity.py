from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
import torch

from keiryo.records.study import Verdict
from keiryo.report.study_page import render_study_page
from keiryo.study import connectivity
from keiryo.study.connectivity import ConnectivityData, Gradients, Kind, Trained, make_network
from keiryo.study.run import run_study

DEEP = {"plain": 1e-9, "residual": 0.5, "dense": 2.0}  # times the gradient of the shallow network
ACCURACIES = {"plain": [0.2, 0.22, 0.21], "residual": [0.9, 0.93, 0.91], "dense": [0.9, 0.9, 0.92]}


@pytest.fixture
def data() -> ConnectivityData:
    """Data on which every part of the claim holds."""
    combinations = product(connectivity.KINDS, connectivity.NORMS, connectivity.STARTS)
    gradients = [
        Gradients(kind, norm, start, {10: [1.0, 2.0], 100: [DEEP[kind], 2 * DEEP[kind]]})
        for kind, norm, start in combinations
    ]
    trained = [
        Trained(kind, norm, 1000, 4000, ACCURACIES[kind])
        for kind, norm in product(connectivity.KINDS, connectivity.NORMS)
    ]
    return ConnectivityData(gradients, trained)


def verdicts_of(data: ConnectivityData) -> dict[str, Verdict]:
    return {one.part: one.verdict for one in connectivity.judge(data)}


def with_gradients(kind: Kind, deep: list[float]) -> Callable[[ConnectivityData], ConnectivityData]:
    def change(data: ConnectivityData) -> ConnectivityData:
        changed = [
            replace(one, norms={**one.norms, 100: deep}) if one.kind == kind else one
            for one in data.gradients
        ]
        return replace(data, gradients=changed)

    return change


def with_accuracies(kind: Kind, found: list[float]) -> Callable[..., ConnectivityData]:
    def change(data: ConnectivityData) -> ConnectivityData:
        changed = [
            replace(one, accuracies=found) if one.kind == kind else one for one in data.trained
        ]
        return replace(data, trained=changed)

    return change


def test_all_parts_hold_where_the_data_say_so(data: ConnectivityData) -> None:
    assert set(verdicts_of(data).values()) == {"holds"}


@pytest.mark.parametrize(
    ("change", "part", "expected"),
    [
        (with_gradients("plain", [1e5, 1e5]), "vanishing", "does_not_hold"),
        (with_gradients("plain", [1e-9, 0.02]), "vanishing_norm", "within_limits"),
        (with_gradients("residual", [1e4, 1e4]), "kept_none", "within_limits"),
        (with_accuracies("dense", [0.2, 0.22, 0.21]), "accuracy_none", "within_limits"),
        (with_accuracies("plain", [0.99, 0.99, 0.99]), "accuracy_batch", "does_not_hold"),
    ],
)
def test_other_data_gives_another_verdict(
    data: ConnectivityData,
    change: Callable[[ConnectivityData], ConnectivityData],
    part: str,
    expected: Verdict,
) -> None:
    assert verdicts_of(change(data))[part] == expected


@pytest.mark.parametrize("kind", connectivity.KINDS)
def test_networks_have_the_depth_that_is_asked_for(kind: Kind) -> None:
    network = make_network(kind, depth=6, norm="batch", start="he")
    convolutions = [one for one in network.modules() if isinstance(one, torch.nn.Conv2d)]
    assert len(convolutions) == 1 + 6
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_the_study_runs() -> None:
    sizes = connectivity.Sizes(depths=(2, 4), seeds=2, trained=2, steps=1)
    study = run_study("connectivity", sizes=sizes)
    adds, concatenates = sorted(study.plots[-1].series, key=lambda one: max(one.ys))
    # He et al. 2015, table 1; Huang et al. 2017, table 1 (the last block ends with 1,024).
    assert (adds.ys[0], adds.ys[-1], len(adds.ys)) == (64, 512, 16)
    assert (concatenates.ys[0], concatenates.ys[-1], len(concatenates.ys)) == (96, 1024, 61)
    assert "判定" in render_study_page(study, "ja")
