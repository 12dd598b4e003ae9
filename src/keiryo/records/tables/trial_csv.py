"""The trials of a comparison as CSV, a row each."""

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keiryo.records.comparison import Trial

COLUMNS = (
    *("model", "seed", "fold", "status", "val_accuracy", "train_accuracy", "test_accuracy"),
    *("val_balanced_accuracy", "processor_share", "disturbed"),
    *("val_accuracy_with_leaks", "robust_accuracy", "parameters", "state_elements", "macs"),
    *("artifact_bytes", "train_seconds", "epochs", "images_per_second", "peak_memory_bytes"),
    *("latency_ms_p50", "latency_ms_p95", "dropped_at", "dropped_because", "engine"),
    *("recipe", "val_images", "val_accuracy_low", "val_accuracy_high", "calibration_error"),
)


def trials_as_csv(trials: "Sequence[Trial]") -> str:
    """Return a table of all trials; a figure that was not measured is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        latency, interval = trial.latency_ms, trial.val_accuracy_interval
        calibration = None if trial.analysis is None else trial.analysis.calibration
        low, high = interval or (None, None)
        writer.writerow(
            trial.model_dump()
            | {
                "latency_ms_p50": None if latency is None else latency.p50,
                "latency_ms_p95": None if latency is None else latency.p95,
                "val_accuracy_low": low,
                "val_accuracy_high": high,
                "calibration_error": None if calibration is None else calibration.error,
            }
        )
    return text.getvalue()
