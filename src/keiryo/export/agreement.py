"""The gate of an export: the exported model must answer as the trained network does."""

from collections.abc import Iterable

import numpy as np

from keiryo.export.onnx import Run
from keiryo.records.export import Agreement, ImagesFrom
from keiryo.statistics import paired_difference_interval


def measure_agreement(
    run: Run,
    batches: Iterable[np.ndarray],
    expected: np.ndarray,
    labels: np.ndarray | None,
    *,
    images_from: ImagesFrom,
    tolerance: float,
) -> Agreement:
    """Return the agreement of the exported model `run` with the trained network.

    `batches` are images (N, size, size, 3), uint8. `expected` (images, classes) are the trained
    network's probabilities for all of them, and `labels` (images,) their classes, if known.
    """
    found = np.concatenate([run(batch) for batch in batches])
    differences = np.abs(found - expected)
    # NaN differs from everything.
    largest = float(differences.max()) if np.isfinite(found).all() else float("inf")
    guesses, trained_guesses = found.argmax(1), expected.argmax(1)
    agreement = Agreement(
        images=len(expected),
        images_from=images_from,
        largest_difference=largest,
        tolerance=tolerance,
        equal_labels=float((guesses == trained_guesses).mean()),
    )
    if labels is None:
        return agreement
    right, trained_right = guesses == labels, trained_guesses == labels
    counts = (
        int((right & trained_right).sum()),
        int((right & ~trained_right).sum()),
        int((~right & trained_right).sum()),
        int((~right & ~trained_right).sum()),
    )
    agreement.accuracy = float(right.mean())
    agreement.trained_accuracy = float(trained_right.mean())
    agreement.accuracy_difference_interval = paired_difference_interval(*counts)
    return agreement
