"""Comparisons with curves and all figures, of any size, as pages show them."""

import random
from collections.abc import Sequence
from typing import Any

from comparisons import IMAGES, compared, trial
from keiryo.records.base import Finding
from keiryo.records.comparison import Comparison, Trial
from keiryo.records.data import DataSummary
from keiryo.records.speed import Latency
from keiryo.records.training import Epoch

EPOCHS = 12


def make_trial(model: str, seed: int, accuracy: float, **given: Any) -> Trial:
    """Return a finished trial whose curve rises to `accuracy`."""
    history = [
        Epoch(
            epoch=epoch,
            train_loss=1.0 / epoch,
            val_loss=1.2 / epoch,
            train_accuracy=min(1.0, 1.05 * accuracy * epoch / EPOCHS),
            val_accuracy=accuracy * epoch / EPOCHS,
            learning_rate=1e-3,
            seconds=1.0,
        )
        for epoch in range(1, EPOCHS + 1)
    ]
    figures: dict[str, Any] = {
        "state_elements": 1_010_000,
        "macs": 50_000_000,
        "epochs": EPOCHS,
        "images_per_second": 120.0,
        "train_accuracy": min(1.0, 1.05 * accuracy),
        "val_balanced_accuracy": accuracy,
        "latency_ms": make_latency(10.0),
        "history": history,
    }
    return trial(model, accuracy, seed=seed, **figures | given)


def make_latency(p50: float, *, best: float | None = None) -> Latency:
    """Return a latency; with `best`, of a disturbed measurement."""
    return Latency(
        p50=p50,
        p95=1.2 * p50,
        best=best or 0.95 * p50,
        spread=(0.9 * p50, 1.1 * p50),
        processor_p50=1.5 * p50,
        disturbed=best is not None,
        others_share=0.3,
        batch=1,
        threads=2,
        runs=50,
        device="cpu",
    )


def make_comparison(
    trials: Sequence[Trial],
    *,
    name: str = "flowers",
    classes: Sequence[str] = ("daisy", "rose", "tulip"),
    findings: Sequence[Finding] = (),
    **given: Any,
) -> Comparison:
    """Return the comparison of `trials`, of which none replaces another unless `given` says so."""
    data = DataSummary(
        name=name,
        size=64,
        classes=list(classes),
        train_images=1600,
        val_images=IMAGES,
        findings=list(findings),
    )
    comparison = compared(*trials, created="2026-11-27T12:00:00+00:00", data=data, **given)
    if not comparison.may_replace:
        comparison.may_replace = {one: [] for one in comparison.ranking}
    return comparison


def draw_comparison(seed: int, *, candidates: int, seeds: int) -> Comparison:
    """Return a comparison drawn at random: some costs are missing, equal or disturbed."""
    chance = random.Random(seed)
    trials: list[Trial] = []
    for number in range(candidates):
        accuracy, parameters = chance.uniform(0.3, 0.95), chance.choice([1, 2, 3]) * 1_000_000
        p50 = chance.choice([5.0, 10.0, 20.0, 40.0])
        for one in range(seeds):
            latency = make_latency(p50, best=0.8 * p50 if chance.random() < 0.2 else None)
            trials.append(
                make_trial(
                    f"model{number}",
                    one,
                    round(accuracy + chance.uniform(-0.02, 0.02), 3),
                    parameters=parameters,
                    artifact_bytes=4 * parameters + chance.randrange(5000),
                    latency_ms=None if chance.random() < 0.08 else latency,
                    train_accuracy=chance.random(),
                )
            )
    comparison = make_comparison(trials)
    ranking = comparison.ranking
    comparison.may_replace = {
        one: [other for other in ranking[place + 1 :] if chance.random() < 0.4]
        for place, one in enumerate(ranking)
    }
    return comparison
