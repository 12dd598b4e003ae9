"""Records of comparisons of any size, drawn at random, as pages show them."""

import random

from keiryo.records.base import Finding, Machine
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.data import DataSummary
from keiryo.records.speed import Latency
from keiryo.records.training import Epoch
from keiryo.statistics import wilson_interval

MACHINE = Machine(
    system="Linux",
    processor="Test CPU",
    cores=2,
    memory_bytes=8 << 30,
    device="cpu",
    threads=2,
    python="3.11",
    torch="2.13",
)
IMAGES = 400


def make_trial(
    model: str, seed: int, accuracy: float, *, epochs: int = 12, **given: object
) -> Trial:
    """Return a finished trial whose curve rises to `accuracy`."""
    correct = round(accuracy * IMAGES)
    history = [
        Epoch(
            epoch=epoch,
            train_loss=1.0 / epoch,
            val_loss=1.2 / epoch,
            train_accuracy=min(1.0, 1.05 * accuracy * epoch / epochs),
            val_accuracy=accuracy * epoch / epochs,
            learning_rate=1e-3,
            seconds=1.0,
        )
        for epoch in range(1, epochs + 1)
    ]
    folder = f"trials/{''.join(c if c.isalnum() else '-' for c in model)}-seed{seed}"
    return Trial.model_validate(
        {
            "model": model,
            "seed": seed,
            "status": "done",
            "folder": folder,
            "parameters": 1_000_000,
            "state_elements": 1_010_000,
            "macs": 50_000_000,
            "artifact_bytes": 4_000_000,
            "train_seconds": 75.0,
            "epochs": epochs,
            "images_per_second": 120.0,
            "peak_memory_bytes": 500_000_000,
            "train_accuracy": min(1.0, 1.05 * accuracy),
            "val_accuracy": accuracy,
            "val_balanced_accuracy": accuracy,
            "val_images": IMAGES,
            "val_accuracy_interval": wilson_interval(correct, IMAGES),
            "latency_ms": make_latency(10.0),
            "history": history,
            **given,
        }
    )


def make_latency(p50: float, *, best: float | None = None) -> Latency:
    """Return a latency; with `best`, of a disturbed measurement."""
    return Latency(
        p50=p50,
        p95=1.2 * p50,
        best=best or 0.95 * p50,
        disturbed=best is not None,
        others_share=0.3,
        batch=1,
        threads=2,
        runs=50,
        device="cpu",
    )


def make_comparison(
    trials: list[Trial],
    *,
    name: str = "flowers",
    classes: list[str] | None = None,
    limits: Limits | None = None,
    findings: list[Finding] | None = None,
    **given: object,
) -> Comparison:
    """Return the comparison of `trials`, of which none replaces another unless `given` says so."""
    ranking = sorted(
        {trial.candidate for trial in trials if trial.status == "done"},
        key=lambda one: -max(t.val_accuracy or 0.0 for t in trials if t.candidate == one),
    )
    best = next((trial for trial in trials if ranking and trial.candidate == ranking[0]), None)
    return Comparison.model_validate(
        {
            "keiryo_version": "0.1",
            "created": "2026-11-27T12:00:00+00:00",
            "machine": MACHINE,
            "data": DataSummary(
                name=name,
                size=64,
                classes=classes or ["daisy", "rose", "tulip"],
                train_images=1600,
                val_images=IMAGES,
                findings=findings or [],
            ),
            "recipe": "keiryo",
            "batch": 32,
            "epochs": 12,
            "minutes": None,
            "limits": limits or Limits(),
            "trials": trials,
            "ranking": ranking,
            "pareto": ranking[:2],
            "recommended": best.candidate if best else None,
            "recommended_trial": best.folder if best else None,
            "may_replace": {one: [] for one in ranking},
            "complete": True,
            **given,
        }
    )


def draw_comparison(seed: int, *, candidates: int, seeds: int, limits: Limits) -> Comparison:
    """Return a comparison drawn at random: some costs are missing, equal or disturbed."""
    chance = random.Random(seed)
    trials: list[Trial] = []
    for number in range(candidates):
        model = f"model{number}"
        accuracy, parameters = chance.uniform(0.3, 0.95), chance.choice([1, 2, 3]) * 1_000_000
        p50 = chance.choice([5.0, 10.0, 20.0, 40.0])
        for one in range(seeds):
            latency = make_latency(p50, best=0.8 * p50 if chance.random() < 0.2 else None)
            trials.append(
                make_trial(
                    model,
                    one,
                    round(accuracy + chance.uniform(-0.02, 0.02), 3),
                    parameters=parameters,
                    artifact_bytes=4 * parameters + chance.randrange(5000),
                    latency_ms=None if chance.random() < 0.08 else latency,
                    train_accuracy=chance.random(),
                )
            )
    comparison = make_comparison(trials, limits=limits)
    ranking = comparison.ranking
    comparison.may_replace = {
        one: [other for other in ranking[place + 1 :] if chance.random() < 0.4]
        for place, one in enumerate(ranking)
    }
    return comparison
