"""The gate of an export: the exported model must answer as the trained network does."""

from collections.abc import Iterable

import numpy as np

from keiryo.export.onnx import TOLERANCE, Run
from keiryo.records.export import Agreement, ImagesFrom
from keiryo.statistics import paired_difference_interval

# The margin between the two likeliest classes above which an answer is more than a toss-up.
SURE_MARGIN = 0.05
LEAST_EQUAL_SURE_LABELS = 0.99


def measure_agreement(
    run: Run,
    batches: Iterable[np.ndarray],
    expected: np.ndarray,
    labels: np.ndarray | None,
    *,
    images_from: ImagesFrom,
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
    is_equal = guesses == trained_guesses
    second, first = np.sort(expected, axis=1)[:, -2:].T
    is_sure = first - second > SURE_MARGIN
    agreement = Agreement(
        images=len(expected),
        images_from=images_from,
        largest_difference=largest,
        equal_labels=float(is_equal.mean()),
        sure_images=int(is_sure.sum()),
        equal_sure_labels=float(is_equal[is_sure].mean()) if is_sure.any() else 1.0,
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


def equals(agreement: Agreement, max_drop: float) -> bool:
    """Return whether all probabilities are equal but for the order of sums in float32."""
    return agreement.largest_difference <= TOLERANCE


def answers_alike(agreement: Agreement, max_drop: float) -> bool:
    """Return whether a rounded model keeps the labels of sure answers, and the accuracy.

    The accuracy may fall by `max_drop`, as a share, or by a single image: of few images, one is
    more than any sensible limit.
    """
    if not np.isfinite(agreement.largest_difference):
        return False
    if agreement.equal_sure_labels < LEAST_EQUAL_SURE_LABELS:
        return False
    if agreement.accuracy is None or agreement.trained_accuracy is None:
        return True
    drop = agreement.trained_accuracy - agreement.accuracy
    return drop <= max(max_drop, 1 / agreement.images) + 1e-9
