"""The figures of a trained network: accuracies, their interval, robustness."""

from dataclasses import dataclass, field

import numpy as np

from keiryo.comparison.trial.job import TrialJob
from keiryo.data.image.corruptions import CORRUPTIONS, STRENGTHS, corrupt_images
from keiryo.statistics import balanced_accuracy, wilson_interval
from keiryo.train.classification.evaluation import Evaluation

# Enough for an accuracy to within some three percent, at fifteen measurements a trial.
ROBUSTNESS_IMAGES = 1000


@dataclass
class Accuracies:
    """The accuracies of a trial, named as in its record."""

    train_accuracy: float
    val_accuracy: float
    val_balanced_accuracy: float
    val_images: int
    val_accuracy_interval: tuple[float, float]
    test_accuracy: float | None = None
    val_accuracy_with_leaks: float | None = None
    robustness: dict[str, list[float]] = field(default_factory=dict)
    robust_accuracy: float | None = None


def final_passes(job: TrialJob) -> float:
    """Return the number of images that are evaluated after the training, in held-out sets."""
    splits = job.splits
    images = 2 * len(splits.val) + len(splits.test) + len(splits.leaked_val)
    if job.robust_seed is not None:
        images += len(CORRUPTIONS) * STRENGTHS * min(len(splits.val), ROBUSTNESS_IMAGES)
    return images / max(len(splits.val), 1)


def measure_accuracies(
    job: TrialJob, evaluation: Evaluation, val_accuracy: float, probabilities: np.ndarray
) -> Accuracies:
    """Return the accuracies of a trained network.

    The last epoch measured `val_accuracy`; `probabilities` (N, classes) are those of the held-out
    images.
    """
    splits = job.splits
    held_out = len(splits.val)
    accuracies = Accuracies(
        train_accuracy=evaluation.accuracy(sample_rows(splits.train, held_out)),
        val_accuracy=val_accuracy,
        val_balanced_accuracy=balanced_accuracy(
            probabilities.argmax(1), job.pack.labels[splits.val]
        ),
        val_images=held_out,
        val_accuracy_interval=wilson_interval(round(val_accuracy * held_out), held_out),
    )
    if splits.test.size:
        accuracies.test_accuracy = evaluation.accuracy(splits.test)
    if leaked := len(splits.leaked_val):
        correct = val_accuracy * held_out + evaluation.accuracy(splits.leaked_val) * leaked
        accuracies.val_accuracy_with_leaks = correct / (held_out + leaked)
    if job.robust_seed is not None:
        rows = sample_rows(splits.val, ROBUSTNESS_IMAGES)
        accuracies.robustness = _robustness(evaluation, rows, seed=job.robust_seed)
        accuracies.robust_accuracy = float(np.mean(list(accuracies.robustness.values())))
    return accuracies


def sample_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Return at least `count` of the rows, evenly spread."""
    return rows[:: max(1, len(rows) // count)]


def _robustness(evaluation: Evaluation, rows: np.ndarray, *, seed: int) -> dict[str, list[float]]:
    """Return the accuracy under each corruption, by rising strength."""
    return {
        kind: [
            evaluation.accuracy(
                rows,
                change=lambda images, step, kind=kind, strength=strength: corrupt_images(
                    images, kind, strength, seed=(seed, step)
                ),
            )
            for strength in range(1, STRENGTHS + 1)
        ]
        for kind in CORRUPTIONS
    }
