"""Batches that are augmented on the device that trains."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keiryo.ahead import make_ahead
from keiryo.data.augmentation.on_device import augment_on_device
from keiryo.data.batches.batches import Batch, BatchSampler, DrawnBatch
from keiryo.data.packs.images import ImageRows

# The rest is for the network, its activations and the optimiser.
SHARE_OF_FREE_MEMORY = 0.5
# Images copied to the device at a time, so that a memory map is never in memory as a whole.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class DeviceBatch:
    """A `Batch` with tensors on one device instead of arrays."""

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
        _array_to_device(batch.images, device),
        _array_to_device(batch.labels, device),
        _to_device_if_any(batch.partner_labels, device),
        _to_device_if_any(batch.weights, device),
    )


class DeviceBatches:
    """The batches of `TrainingBatches`, augmented on `device` instead of on the processor.

    If the training images take at most half of `free_bytes`, they are copied to the device once;
    otherwise each batch is copied when it is due. The batches are the same either way, so a
    training may continue on a device with less free memory.
    """

    def __init__(
        self,
        images: ImageRows,
        labels: np.ndarray,
        sampler: BatchSampler,
        *,
        device: torch.device,
        free_bytes: int,
    ) -> None:
        self._images = images
        self._labels = labels
        self._sampler = sampler
        self._device = device
        self._resident: Tensor | None = None
        rows = np.unique(sampler.rows)
        if len(rows) * math.prod(images.shape[1:]) <= SHARE_OF_FREE_MEMORY * free_bytes:
            self._resident = _copy_rows(self._images, rows, device)
            # The index of each row of `images` in the copy.
            self._indices = np.zeros(len(images), np.int64)
            self._indices[rows] = np.arange(len(rows))

    @property
    def is_resident(self) -> bool:
        """True if all training images are on the device."""
        return self._resident is not None

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[DeviceBatch]:
        """Yield the batches of `epoch` from `first_step` on."""
        draw = self._sampler.epoch(epoch)

        def read(step: int) -> tuple[DrawnBatch, Tensor]:
            drawn = draw(step)
            return drawn, self._read(drawn.rows)

        for drawn, read_ahead in make_ahead(read, range(first_step, self._sampler.steps)):
            yield self._make(drawn, read_ahead)

    def _read(self, rows: np.ndarray) -> Tensor:
        """Return the indices of `rows` on the device, or the images if they are not there."""
        read = _tensor(self._indices[rows] if self.is_resident else self._images[rows])
        # A copy from memory that is not pinned would wait for the steps before it.
        return read.pin_memory() if self._device.type == "cuda" else read

    def _make(self, drawn: DrawnBatch, read_ahead: Tensor) -> DeviceBatch:
        images = read_ahead.to(self._device, non_blocking=True)
        if self._resident is not None:
            images = self._resident[images]
        if drawn.augmentation is not None:
            images = augment_on_device(images, drawn.augmentation)
        labels, partner_labels, weights = drawn.targets(self._labels)
        return DeviceBatch(
            images,
            _array_to_device(labels, self._device),
            _to_device_if_any(partner_labels, self._device),
            _to_device_if_any(weights, self._device),
        )


def _tensor(values: np.ndarray) -> Tensor:
    # Images from a remote pack may be read-only, but tensors cannot be.
    return torch.from_numpy(np.require(values, requirements="W"))


def _array_to_device(values: np.ndarray, device: torch.device) -> Tensor:
    return _tensor(values).to(device, non_blocking=True)


def _to_device_if_any(values: np.ndarray | None, device: torch.device) -> Tensor | None:
    return None if values is None else _array_to_device(values, device)


def _copy_rows(images: ImageRows, rows: np.ndarray, device: torch.device) -> Tensor:
    copy = torch.empty((len(rows), *images.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        copy[part] = _tensor(images[rows[part]])
    return copy
