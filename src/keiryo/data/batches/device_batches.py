"""Batches on the device that trains, augmented there."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keiryo.ahead import make_ahead
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.augmentation.on_device import augment_on_device
from keiryo.data.batches.batches import Batch, BatchSampler, DrawnBatch
from keiryo.data.packs.images import ImageRows

# The network, what it keeps for its gradients and the optimiser need the rest.
SHARE_OF_FREE_MEMORY = 0.5
# Images copied to the device at a time, so that a memory map is never whole in memory.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class DeviceBatch:
    """A `Batch`, with tensors of one device in place of arrays."""

    images: Tensor
    labels: Tensor
    partner_labels: Tensor | None = None
    weights: Tensor | None = None

    def parts(self, count: int) -> Iterator["DeviceBatch"]:
        """Yield the batch in `count` parts of about the same size, none of them empty."""
        size = math.ceil(len(self.labels) / count)
        for start in range(0, len(self.labels), size):
            rows = slice(start, start + size)
            yield DeviceBatch(
                self.images[rows],
                self.labels[rows],
                None if self.partner_labels is None else self.partner_labels[rows],
                None if self.weights is None else self.weights[rows],
            )


def to_device(batch: Batch, device: torch.device) -> DeviceBatch:
    """Return `batch` on `device`."""
    return DeviceBatch(
        _moved(batch.images, device),
        _moved(batch.labels, device),
        _moved_if_any(batch.partner_labels, device),
        _moved_if_any(batch.weights, device),
    )


class DeviceBatches:
    """The batches of `TrainingBatches`, augmented on `device` instead of on the processor.

    If the training images take no more than half of `free_bytes`, they are copied to
    the device once; if not, each batch is, as it lies on the disk. Either way the
    batches are the same, so that a training may continue where less memory is free.
    """

    def __init__(
        self,
        images: ImageRows,
        labels: np.ndarray,
        rows: np.ndarray,
        *,
        batch: int,
        seed: int,
        augmentation: Augmentation,
        device: torch.device,
        free_bytes: int,
    ) -> None:
        self._images = images
        self._labels = labels
        self._device = device
        self._sampler = BatchSampler(
            rows, batch=batch, size=images.shape[1], seed=seed, augmentation=augmentation
        )
        self._resident: Tensor | None = None
        if len(rows) * math.prod(images.shape[1:]) <= SHARE_OF_FREE_MEMORY * free_bytes:
            self._resident = _copied(self._images, rows, device)
            # Where each row of `images` lies in what was copied.
            self._places = np.zeros(len(images), np.int64)
            self._places[rows] = np.arange(len(rows))

    @property
    def is_resident(self) -> bool:
        """True if all training images are on the device."""
        return self._resident is not None

    @property
    def batch(self) -> int:
        """Number of images in a batch: the number asked for, or all."""
        return self._sampler.batch

    @property
    def steps(self) -> int:
        """Number of batches in an epoch; a last one that is not full is left out."""
        return self._sampler.steps

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[DeviceBatch]:
        """Yield the batches of `epoch` from `first_step` on."""
        sample = self._sampler.epoch(epoch)

        def read(step: int) -> tuple[DrawnBatch, Tensor]:
            drawn = sample(step)
            return drawn, self._read(drawn.rows)

        for drawn, read_ahead in make_ahead(read, range(first_step, self.steps)):
            yield self._make(drawn, read_ahead)

    def _read(self, rows: np.ndarray) -> Tensor:
        """Return what the device needs for `rows`: their places on it, or the images."""
        read = _tensor(self._places[rows] if self.is_resident else self._images[rows])
        # From memory that is not pinned, a copy would wait for the steps before it.
        return read.pin_memory() if self._device.type == "cuda" else read

    def _make(self, sample: DrawnBatch, read_ahead: Tensor) -> DeviceBatch:
        images = read_ahead.to(self._device, non_blocking=True)
        if self._resident is not None:
            images = self._resident[images]
        if sample.augmentation is not None:
            images = augment_on_device(images, sample.augmentation)
        labels, partner_labels, weights = sample.targets(self._labels)
        return DeviceBatch(
            images,
            _moved(labels, self._device),
            _moved_if_any(partner_labels, self._device),
            _moved_if_any(weights, self._device),
        )


def _tensor(values: np.ndarray) -> Tensor:
    # Images fetched from elsewhere may be read-only, which tensors cannot be.
    return torch.from_numpy(np.require(values, requirements="W"))


def _moved(values: np.ndarray, device: torch.device) -> Tensor:
    return _tensor(values).to(device, non_blocking=True)


def _moved_if_any(values: np.ndarray | None, device: torch.device) -> Tensor | None:
    return None if values is None else _moved(values, device)


def _copied(images: ImageRows, rows: np.ndarray, device: torch.device) -> Tensor:
    copied = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        copied[part] = _tensor(images[rows[part]])
    return copied
