from collections.abc import Iterator

import numpy as np
import pytest
import torch

from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.batches.batches import Batch, BatchSampler, TrainingBatches
from keiryo.data.batches.device_batches import DeviceBatch, DeviceBatches, to_device

CPU = torch.device("cpu")
LABELS = np.arange(50)
# Not in order, and not all.
ROWS = np.random.default_rng(1).permutation(50)[:27]
PLENTY, TOO_FEW = 10**9, 27 * 16 * 16 * 3
MIXED = Augmentation(
    smallest_area=0.5, flip=True, rotation=10.0, mixup=0.4, cutmix=1.0, random_operations=1
)


@pytest.fixture
def images() -> np.ndarray:
    ramp = np.arange(16)[:, None, None] * np.arange(16)[None, :, None]
    return ((ramp + 2 * np.arange(50)[:, None, None, None]) % 256 * np.ones(3)).astype(np.uint8)


def sampler(augmentation: Augmentation) -> BatchSampler:
    return BatchSampler(ROWS, batch=8, size=16, seed=3, augmentation=augmentation)


def on_device(images: np.ndarray, *, free_bytes: int, augmentation: Augmentation) -> DeviceBatches:
    return DeviceBatches(images, LABELS, sampler(augmentation), device=CPU, free_bytes=free_bytes)


def arrays(batch: DeviceBatch) -> Iterator[np.ndarray | None]:
    for tensor in (batch.images, batch.labels, batch.partner_labels, batch.weights):
        yield None if tensor is None else tensor.numpy()


def assert_same(first: DeviceBatch, second: DeviceBatch) -> None:
    for one, other in zip(arrays(first), arrays(second), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("free_bytes", [PLENTY, TOO_FEW])
def test_they_are_the_batches_of_the_processor(images: np.ndarray, free_bytes: int) -> None:
    expected = TrainingBatches(images, LABELS, sampler(MIXED))
    batches = on_device(images, free_bytes=free_bytes, augmentation=MIXED)
    assert batches.is_resident == (free_bytes == PLENTY)
    for host, device in zip(expected.epoch(2), batches.epoch(2), strict=True):
        _, *targets = arrays(device)
        for one, other in zip(
            (host.labels, host.partner_labels, host.weights), targets, strict=True
        ):
            np.testing.assert_array_equal(one, other)
        differences = np.abs(host.images.astype(np.int16) - device.images.numpy())
        assert differences.mean() < 0.5


@pytest.mark.parametrize("augmentation", [MIXED, Augmentation()])
def test_how_much_memory_is_free_changes_nothing(
    images: np.ndarray, augmentation: Augmentation
) -> None:
    resident = on_device(images, free_bytes=PLENTY, augmentation=augmentation)
    copied = on_device(images, free_bytes=TOO_FEW, augmentation=augmentation)
    for one, other in zip(resident.epoch(1), copied.epoch(1), strict=True):
        assert_same(one, other)


def test_without_augmentation_images_are_as_they_are(images: np.ndarray) -> None:
    for batch in on_device(images, free_bytes=PLENTY, augmentation=Augmentation()).epoch(0):
        np.testing.assert_array_equal(batch.images.numpy(), images[batch.labels.numpy()])


def test_going_on_at_a_step_gives_the_batches_it_would_have_had(images: np.ndarray) -> None:
    batches = on_device(images, free_bytes=PLENTY, augmentation=MIXED)
    whole = list(batches.epoch(4))
    for expected, batch in zip(whole[1:], batches.epoch(4, first_step=1), strict=True):
        assert_same(batch, expected)


def test_a_read_only_batch_can_be_moved() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images.flags.writeable = False
    batch = to_device(Batch(images, np.array([0, 1])), CPU)
    assert batch.images.shape == (2, 4, 4, 3)
    assert batch.partner_labels is None
