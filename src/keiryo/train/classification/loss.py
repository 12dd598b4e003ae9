"""The loss of image classification."""

from torch import Tensor
from torch.nn import functional

from keiryo.data.batches.device_batches import DeviceBatch


def classification_loss(logits: Tensor, batch: DeviceBatch, label_smoothing: float) -> Tensor:
    """Return the mean cross-entropy of `logits` (N, classes); mixed images have two labels."""

    def cross_entropy(labels: Tensor, reduction: str) -> Tensor:
        return functional.cross_entropy(
            logits, labels, label_smoothing=label_smoothing, reduction=reduction
        )

    if batch.partner_labels is None or batch.weights is None:
        return cross_entropy(batch.labels, "mean")
    own = cross_entropy(batch.labels, "none")
    partner = cross_entropy(batch.partner_labels, "none")
    return (batch.weights * own + (1.0 - batch.weights) * partner).mean()
