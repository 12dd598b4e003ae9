"""How far a WaveNet's training is, who is told, and what an epoch's steps add up to."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.records.training import Epoch
from keiryo.records.wavenet import WaveNetEpoch
from keiryo.train.checkpoint import Position


class WaveNetPosition(Position):
    """How far a training is; `pictures_seen` counts samples.

    `fingerprint` is that of the plan and recordings; `steps` were made in all; `targets` are
    the samples that the epoch's sums are of.
    """

    fingerprint: str = ""
    steps: int = 0
    epoch_ends: list[int] = []  # in steps
    targets: int = 0


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training is, for whoever watches it."""

    share: float
    epoch: int
    samples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class TrainingWatcher:
    """Who is told how the training goes, and may ask it to stop."""

    on_progress: Callable[[TrainingProgress], None] = lambda progress: None
    on_epoch: Callable[[WaveNetEpoch], None] = lambda epoch: None
    wants_stop: Callable[[], bool] = lambda: False


class Sums:
    """The loss summed over an epoch's samples, on the device, so that no step waits for it."""

    def __init__(self, device: torch.device, position: WaveNetPosition) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self._loss_sum = torch.tensor(position.loss_sum, device=device, dtype=dtype)
        self.targets = position.targets

    def add(self, mean_loss: Tensor, targets: int) -> None:
        """Add a batch of so many targets."""
        self._loss_sum += mean_loss * targets
        self.targets += targets

    @property
    def loss_sum(self) -> float:
        return float(self._loss_sum)

    @property
    def mean(self) -> float:
        """Nats per sample."""
        return self.loss_sum / max(1, self.targets)


def in_bits(epoch: Epoch, steps: int) -> WaveNetEpoch:
    """Return an epoch, whose losses are in nats, in bits; `steps` were made by its end."""
    return WaveNetEpoch(
        epoch=epoch.epoch,
        steps=steps,
        train_bits_per_sample=epoch.train_loss / NATS_PER_BIT,
        val_bits_per_sample=epoch.val_loss / NATS_PER_BIT,
        learning_rate=epoch.learning_rate,
        seconds=epoch.seconds,
    )
