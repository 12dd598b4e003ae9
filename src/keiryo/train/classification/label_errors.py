"""Confident learning: labels that a trained network contradicts on held-out images."""

import numpy as np


def find_suspect_labels(probabilities: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
    """Return (row, suggested class) of the labels that are likely wrong, worst first.

    `probabilities` (N, C) are out-of-fold predictions for images labelled `labels` (N,).

    Confident learning estimates the number of wrong labels (Northcutt, Jiang & Chuang 2021,
    "Confident Learning", equation 1). An image is confidently of class j if its probability of j is
    at least the mean probability of j over the images with label j. Its label counts as wrong if
    its likeliest confident class is another one. The result has that many images: of those whose
    likeliest class is not their label, the ones with the least probability of their label
    (section 3.2, method 3).
    """
    rows = np.arange(len(labels))
    own = probabilities[rows, labels]
    # A class without images has a threshold that no probability reaches.
    thresholds = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels):
        thresholds[label] = own[labels == label].mean()
    confident = np.where(probabilities >= thresholds, probabilities, -np.inf)
    is_confident = np.isfinite(confident.max(axis=1))
    count = int((is_confident & (confident.argmax(axis=1) != labels)).sum())
    likeliest = probabilities.argmax(axis=1)
    contradicted = np.flatnonzero(likeliest != labels)
    ordered = contradicted[np.argsort(own[contradicted], kind="stable")]
    return [(int(row), int(likeliest[row])) for row in ordered[:count]]
