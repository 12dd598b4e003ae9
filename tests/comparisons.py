"""Comparisons that are only described, for tests of what is concluded from them and shown."""

from typing import Any

from keiryo.comparison.decision.candidates import fill_candidates
from keiryo.comparison.rank import rank
from keiryo.records.base import Machine
from keiryo.records.comparison import Comparison, Limits, Trial
from keiryo.records.data import DataSummary
from keiryo.records.decision import Difference
from keiryo.records.speed import Latency
from keiryo.statistics import wilson_interval

MACHINE = Machine(
    system="x",
    processor="x",
    cores=2,
    memory_bytes=1,
    device="cpu",
    threads=2,
    python="3",
    torch="2",
)
IMAGES = 400


def trial(model: str, correct: float = 0.9, latency: float = 1.0, **figures: Any) -> Trial:
    return Trial.model_validate(
        {
            "model": model,
            "seed": 0,
            "status": "done",
            "folder": f"trials/{model}-{figures.get('seed', 0)}-{figures.get('fold')}",
            "val_accuracy": correct,
            "val_accuracy_interval": wilson_interval(round(correct * IMAGES), IMAGES),
            "val_images": IMAGES,
            "train_seconds": 10.0,
            "peak_memory_bytes": 100,
            "latency_ms": Latency(p50=latency, p95=latency, batch=1, threads=1, runs=1, device="c"),
            "artifact_bytes": 1_000_000,
            "parameters": 10,
            **figures,
        }
    )


def compared(
    *trials: Trial, differences: list[Difference] | None = None, **fields: Any
) -> Comparison:
    limits = fields.pop("limits", Limits())
    ranking = rank(trials, limits)
    comparison = Comparison.model_validate(
        {
            "keiryo_version": "0",
            "created": "",
            "machine": MACHINE,
            "data": DataSummary(
                name="set", size=32, classes=list("ab"), train_images=1600, val_images=IMAGES
            ),
            "recipe": "keiryo",
            "batch": 8,
            "epochs": 3,
            "minutes": None,
            "limits": limits,
            "trials": list(trials),
            "ranking": ranking.models,
            "pareto": ranking.pareto,
            "recommended": ranking.recommended,
            "most_accurate": ranking.recommended,
            "complete": True,
            "recommended_trial": ranking.recommended_trial,
            "differences": differences or [],
            **fields,
        }
    )
    fill_candidates(comparison)
    return comparison
