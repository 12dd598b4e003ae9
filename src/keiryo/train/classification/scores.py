"""Loss and accuracy: what is trained on, and what is told of it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from keiryo.data.batches.device_batches import DeviceBatch


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy, in nats, and the share that is told apart rightly."""

    loss: float
    accuracy: float


class Sums:
    """Loss and hits summed on the device, so that no step waits for a figure."""

    def __init__(self, device: torch.device, loss_sum: float = 0.0, correct: int = 0) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._loss_sum = torch.tensor(loss_sum, device=device, dtype=dtype)
        self._correct = torch.tensor(correct, device=device)

    def add(self, mean_loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch with its mean loss, logits (N, classes) and labels (N,)."""
        self._loss_sum += mean_loss * len(labels)
        self._correct += (logits.argmax(1) == labels).sum()

    @property
    def loss_sum(self) -> float:
        return float(self._loss_sum)

    @property
    def correct(self) -> int:
        return int(self._correct)

    def score(self, count: int) -> Score:
        """Return the means over `count` images."""
        return Score(self.loss_sum / count, self.correct / count)


def mixed_loss(logits: Tensor, batch: DeviceBatch, label_smoothing: float) -> Tensor:
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
