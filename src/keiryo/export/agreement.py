"""The gate of an export: the exported model must answer as the trained network does."""

import numpy as np

from keiryo.export.onnx import TOLERANCE
from keiryo.records.export import Agreement, ImagesFrom
from keiryo.statistics import paired_difference_interval

# The margin between the two likeliest classes above which an answer is more than a toss-up.
SURE_MARGIN = 0.05
LEAST_EQUAL_SURE_LABELS = 0.99


def measure_agreement(
    found: np.ndarray,
    expected: np.ndarray,
    labels: np.ndarray | None,
    *,
    images_from: ImagesFrom,
    on_same_pixels: np.ndarray | None = None,
) -> Agreement:
    """Return the agreement of an exported model with the trained network.

    `found` are the exported model's probabilities (images, classes), `expected` those of the
    trained network for the same images, and `labels` (images,) their classes, if known. If `found`
    is for images as the runtime reads them, `on_same_pixels` are the exported model's probabilities
    for the pixels that the trained network was given.
    """
    if on_same_pixels is None:
        on_same_pixels = found
    guesses, trained_guesses = found.argmax(1), expected.argmax(1)
    is_equal = guesses == trained_guesses
    second, first = np.sort(expected, axis=1)[:, -2:].T
    is_sure = first - second > SURE_MARGIN
    agreement = Agreement(
        images=len(expected),
        images_from=images_from,
        largest_difference=_largest_difference(on_same_pixels, expected),
        largest_difference_from_files=_largest_difference(found, expected),
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
    """Return whether all probabilities are equal but for the order of sums in float32.

    That is asked of equal pixels. For images that the runtime reads anew from their files, whose
    pixels may differ by rounding, it is asked that the answers are alike.
    """
    return agreement.largest_difference <= TOLERANCE and answers_alike(agreement, max_drop)


def answers_alike(agreement: Agreement, max_drop: float) -> bool:
    """Return whether a model keeps the labels of sure answers, and the accuracy.

    The accuracy may fall by `max_drop`, as a share, or by a single image: of few images, one is
    more than any sensible limit.
    """
    if not np.isfinite(agreement.largest_difference_from_files):
        return False
    if agreement.equal_sure_labels < LEAST_EQUAL_SURE_LABELS:
        return False
    if agreement.accuracy is None or agreement.trained_accuracy is None:
        return True
    drop = agreement.trained_accuracy - agreement.accuracy
    return drop <= max(max_drop, 1 / agreement.images) + 1e-9


def _largest_difference(found: np.ndarray, expected: np.ndarray) -> float:
    # NaN differs from everything.
    return float(np.abs(found - expected).max()) if np.isfinite(found).all() else float("inf")
