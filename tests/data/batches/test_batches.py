from dataclasses import replace

import numpy as np
import pytest

from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.batches.batches import BatchSampler, TrainingBatches, batches_in_order
from keiryo.data.packs.channel_statistics import channel_statistics

STRONG = Augmentation(
    smallest_area=0.3, largest_aspect=4 / 3, flip=True, brightness=0.3, contrast=0.3, saturation=0.3
)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)


def sampler_of(images: np.ndarray, **changes: object) -> BatchSampler:
    options = {"batch": 8, "seed": 3, "augmentation": STRONG} | changes
    return BatchSampler(np.arange(0, 50, 2), size=images.shape[1], **options)


def batches_of(images: np.ndarray, *, workers: int = 1, **changes: object) -> TrainingBatches:
    return TrainingBatches(images, np.arange(50), sampler_of(images, **changes), workers=workers)


def test_an_epoch_shows_every_image_once_but_for_the_last_odd_ones(images: np.ndarray) -> None:
    assert sampler_of(images).steps == 3
    seen = np.concatenate([batch.labels for batch in batches_of(images).epoch(0)])
    assert len(set(seen)) == 24
    assert set(seen) <= set(range(0, 50, 2))


def test_a_batch_larger_than_the_set_takes_it_all(images: np.ndarray) -> None:
    assert [len(batch.labels) for batch in batches_of(images, batch=400).epoch(0)] == [25]


def test_going_on_at_a_step_gives_the_batches_it_would_have_had(images: np.ndarray) -> None:
    whole = list(batches_of(images).epoch(4))
    rest = list(batches_of(images).epoch(4, first_step=1))
    for expected, batch in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(batch.images, expected.images)
        np.testing.assert_array_equal(batch.labels, expected.labels)


def test_epochs_and_seeds_differ(images: np.ndarray) -> None:
    def first(epoch: int, seed: int) -> list[int]:
        return next(iter(batches_of(images, seed=seed).epoch(epoch))).labels.tolist()

    assert len({tuple(first(epoch, seed)) for epoch in range(3) for seed in range(3)}) == 9


def test_without_augmentation_images_are_as_they_are(images: np.ndarray) -> None:
    for batch in batches_of(images, augmentation=Augmentation()).epoch(0):
        np.testing.assert_array_equal(batch.images, images[batch.labels])


def test_any_number_of_workers_gives_the_same_bits(images: np.ndarray) -> None:
    mixing = replace(STRONG, rotation=20.0, cutmix=1.0, mixup=0.4, random_operations=2)
    one = list(batches_of(images, augmentation=mixing, batch=20, workers=1).epoch(2))
    eight = list(batches_of(images, augmentation=mixing, batch=20, workers=8).epoch(2))
    for expected, batch in zip(one, eight, strict=True):
        assert expected.partner_labels is not None
        for field in ("images", "labels", "partner_labels", "weights"):
            np.testing.assert_array_equal(getattr(batch, field), getattr(expected, field))


def test_a_mixed_batch_says_what_is_in_it() -> None:
    shades = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 8, 8, 3), dtype=np.uint8
    )
    for batch in batches_of(shades, augmentation=Augmentation(mixup=1.0)).epoch(0):
        assert batch.partner_labels is not None
        assert batch.weights is not None
        blended = batch.weights * batch.labels + (1 - batch.weights) * batch.partner_labels
        np.testing.assert_allclose(batch.images[:, 0, 0, 0], blended, atol=0.51)
        assert np.all(batch.partner_labels != batch.labels)


def test_without_mixing_a_batch_has_one_label_each(images: np.ndarray) -> None:
    batch = next(batches_of(images).epoch(0))
    assert batch.partner_labels is None
    assert batch.weights is None


def test_one_image_is_not_mixed(images: np.ndarray) -> None:
    batch = next(batches_of(images, augmentation=Augmentation(mixup=1.0), batch=1).epoch(0))
    assert batch.weights is None
    np.testing.assert_array_equal(batch.images, images[batch.labels])


def test_an_epoch_may_be_left_early(images: np.ndarray) -> None:
    for workers in (1, 3):
        epoch = batches_of(images, workers=workers).epoch(0)
        next(epoch)
        epoch.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_plain_batches_are_all_rows_in_order(images: np.ndarray) -> None:
    rows = np.array([4, 9, 1, 30, 2])
    batches = list(batches_in_order(images, np.arange(50), rows, batch=2))
    assert [batch.labels.tolist() for batch in batches] == [[4, 9], [1, 30], [2]]


def test_channel_statistics_are_those_of_the_pixels(images: np.ndarray) -> None:
    mean, std = channel_statistics(images, np.arange(50))
    np.testing.assert_allclose(mean, images.reshape(-1, 3).mean(0) / 255, rtol=1e-6)
    np.testing.assert_allclose(std, images.reshape(-1, 3).std(0) / 255, rtol=1e-6)


def test_a_flat_set_does_not_divide_by_zero() -> None:
    _, std = channel_statistics(np.zeros((3, 4, 4, 3), np.uint8), np.arange(3))
    assert min(std) > 0
