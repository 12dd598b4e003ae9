"""Trials as a comparison tells of them, driven by hand: no training is needed to log one."""

from pathlib import Path

from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan, TrialPlan, comparison_folder, make_plan
from keiryo.comparison.trial.process import TrialReport
from keiryo.records.base import Finding
from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary
from keiryo.records.speed import Latency
from keiryo.records.training import Epoch

MODEL = "mobilenet_v1:width=0.25"
DATA = DataSummary(name="petals", size=32, classes=["daisy", "rose"], train_images=40, val_images=9)
FINDING = Finding(
    code="overfitting", severity="warning", evidence="0.9 against 0.5", advice="Vary them more."
)


def begin(out: Path) -> tuple[Plan, TrialPlan]:
    """Make the folder of a comparison of one model, as far as it stands before the training."""
    plan = make_plan({"data": "petals:count=50", "models": [MODEL], "size": 32, "batch": 8})
    comparison_folder(out).write_plan(plan)
    trial = plan.trials()[0]
    (out / trial.folder).mkdir(parents=True)
    (out / trial.folder / "model.safetensors").write_bytes(b"weights")
    return plan, trial


def epoch(number: int, *, shift: float = 0.0) -> Epoch:
    return Epoch(
        epoch=number,
        train_loss=2.0 / number + shift,
        train_accuracy=0.1 * number,
        val_loss=3.0 / number,
        val_accuracy=0.05 * number,
        learning_rate=0.001,
        seconds=10.0,
    )


def record(trial: TrialPlan, epochs: int, status: str = "done") -> Trial:
    """Return the record of a trial that ran so many epochs."""
    done = status == "done"
    return Trial.model_validate(
        {
            "model": trial.model,
            "seed": trial.seed,
            "status": status,
            "folder": trial.folder,
            "parameters": 1234,
            "macs": 5678,
            "epochs": epochs,
            "images_per_second": 99.5,
            "history": [epoch(number) for number in range(1, epochs + 1)],
            "artifact_bytes": 7 if done else None,
            "val_accuracy": 0.5 if done else None,
            "train_accuracy": 0.9 if done else None,
            "robustness": {"noise": [0.4, 0.3]} if done else {},
            "latency_ms": Latency(p50=1.5, p95=2.5, batch=1, threads=2, runs=50, device="cpu")
            if done
            else None,
            "diagnosis": [FINDING] if done else [],
            "error": "the boiler burst" if status == "failed" else None,
        }
    )


def tell_epochs(listener: Listener, trial: TrialPlan, first: int, last: int) -> None:
    """Tell of these epochs, each followed by how far the trial is."""
    for number in range(first, last + 1):
        listener.trial_reported(trial, TrialReport(epoch=epoch(number)))
        listener.trial_reported(trial, TrialReport(share=0.5))


def tell_again(listener: Listener, trial: TrialPlan, last: int) -> None:
    """Tell of all epochs up to `last` at once, as a trial that goes on does."""
    for number in range(1, last + 1):
        listener.trial_reported(trial, TrialReport(epoch=epoch(number)))
    listener.trial_reported(trial, TrialReport(share=0.5))
