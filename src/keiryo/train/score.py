"""Loss and accuracy: their sums over an epoch, and their means."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy, in nats, and accuracy from 0 to 1; None: a task without classes."""

    loss: float
    accuracy: float | None = None


class Sums:
    """Sums of loss and correct classifications, on the device, so that no step waits for them."""

    def __init__(
        self, device: torch.device, *, loss: float = 0.0, correct: int = 0, examples: int = 0
    ) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._loss = torch.tensor(loss, device=device, dtype=dtype)
        self._correct = torch.tensor(correct, device=device)
        self.examples = examples

    def add(self, mean_loss: Tensor, examples: int, correct: Tensor | None = None) -> None:
        """Add a number of examples, their mean loss and the number classified correctly."""
        self._loss += mean_loss * examples
        self.examples += examples
        if correct is not None:
            self._correct += correct

    @property
    def loss(self) -> float:
        return float(self._loss)

    @property
    def correct(self) -> int:
        return int(self._correct)

    @property
    def mean_loss(self) -> float:
        """The mean loss of an example."""
        return self.loss / max(1, self.examples)

    @property
    def accuracy(self) -> float:
        """The share of examples classified correctly."""
        return self.correct / max(1, self.examples)
