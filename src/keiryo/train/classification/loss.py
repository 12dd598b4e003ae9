"""The loss of image classification."""

import numpy as np
from torch import Tensor
from torch.nn import functional

from keiryo.data.batches.device_batches import DeviceBatch


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the weights (classes,) with which all classes count alike in the loss.

    `labels` (N,) are those of the training images. The weight of a class is N / (present * count),
    where `present` is the number of classes that have images, so the mean weight of the images is
    1. A class without images has the weight 0.
    """
    counts = np.bincount(labels, minlength=classes)
    present = (counts > 0).sum()
    return np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 0.0)


def classification_loss(
    logits: Tensor, batch: DeviceBatch, label_smoothing: float, weights: Tensor | None = None
) -> Tensor:
    """Return the mean cross-entropy of `logits` (N, classes); mixed images have two labels.

    The loss of each label is multiplied by its class's weight in `weights` (classes,).
    """

    def cross_entropy(labels: Tensor) -> Tensor:
        losses = functional.cross_entropy(
            logits, labels, label_smoothing=label_smoothing, reduction="none"
        )
        return losses if weights is None else losses * weights[labels]

    if batch.partner_labels is not None and batch.weights is not None:
        own, partner = cross_entropy(batch.labels), cross_entropy(batch.partner_labels)
        return (batch.weights * own + (1.0 - batch.weights) * partner).mean()
    if weights is not None:
        return cross_entropy(batch.labels).mean()
    return functional.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)
