"""Batches of images and labels, made ahead of their use."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from keiryo.ahead import make_ahead
from keiryo.data.augmentation.amounts import Augmentation
from keiryo.data.augmentation.on_processor import augment
from keiryo.data.augmentation.random_amounts import BatchAugmentation, draw_augmentation
from keiryo.data.packs.images import ImageRows

# From images (N, size, size, 3), uint8, and the number of their batch to others as many.
Change = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Batch:
    """Images (N, size, size, 3), uint8, with their labels (N,), int64.

    Where images are mixed, `partner_labels` (N,), int64, are of those mixed in, and
    `weights` (N,), float32, are the shares of the own labels.
    """

    images: np.ndarray
    labels: np.ndarray
    partner_labels: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class DrawnBatch:
    """The rows of a batch, and their augmentation."""

    rows: np.ndarray
    augmentation: BatchAugmentation | None

    def targets(
        self, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return labels, partner labels and weights of the batch, out of the `labels` of all."""
        own = labels[self.rows]
        if self.augmentation is None or self.augmentation.mixing is None:
            return own, None, None
        return own, own[self.augmentation.mixing.partners], self.augmentation.mixing.weights


class BatchSampler:
    """Draws the batches of each epoch: `rows` in a new order, with new augmentation.

    Sample `step` of `epoch` follows from the seed alone.
    """

    def __init__(
        self, rows: np.ndarray, *, batch: int, size: int, seed: int, augmentation: Augmentation
    ) -> None:
        self.batch = min(batch, len(rows))
        self._rows = rows
        self._size = size
        self._seed = seed
        self._augmentation = augmentation

    @property
    def steps(self) -> int:
        """Number of batches in an epoch; a last one that is not full is left out.

        The images in it come up in other epochs, and no batch norm ever sees a
        batch of one.
        """
        return len(self._rows) // self.batch

    def epoch(self, epoch: int) -> Callable[[int], DrawnBatch]:
        """Return what gives the sample of each step of `epoch`."""
        order = np.random.default_rng((self._seed, epoch)).permutation(self._rows)

        def sample(step: int) -> DrawnBatch:
            # Sorted, so that the memory map is read from front to back.
            rows = np.sort(order[step * self.batch : (step + 1) * self.batch])
            if not self._augmentation.changes_anything():
                return DrawnBatch(rows, None)
            random = np.random.default_rng((self._seed, epoch, step))
            return DrawnBatch(
                rows, draw_augmentation(len(rows), self._size, random, self._augmentation)
            )

        return sample


class TrainingBatches:
    """The training images in a new order each epoch, with new augmentation.

    Batch `step` of `epoch` follows from the seed alone, so that a training can continue
    at any step with the batches it would have had, and `workers`, which is how many
    threads augment a batch, changes nothing but the time it takes.
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
        workers: int = 1,
    ) -> None:
        self._images = images
        self._labels = labels
        self._sampler = BatchSampler(
            rows, batch=batch, size=images.shape[1], seed=seed, augmentation=augmentation
        )
        self._workers = workers

    @property
    def batch(self) -> int:
        """Number of images in a batch: the number asked for, or all."""
        return self._sampler.batch

    @property
    def steps(self) -> int:
        """Number of batches in an epoch; a last one that is not full is left out."""
        return self._sampler.steps

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from `first_step` on."""
        sample = self._sampler.epoch(epoch)
        # With one worker, the thread that makes the batches ahead is it.
        with ThreadPoolExecutor(self._workers) if self._workers > 1 else nullcontext() as pool:

            def make(step: int) -> Batch:
                return self._make(sample(step), pool)

            yield from make_ahead(make, range(first_step, self.steps))

    def _make(self, sample: DrawnBatch, pool: Executor | None) -> Batch:
        images = self._images[sample.rows]
        if sample.augmentation is not None:
            images = augment(images, sample.augmentation, pool=pool)
        return Batch(images, *sample.targets(self._labels))


def batches_in_order(
    images: ImageRows,
    labels: np.ndarray,
    rows: np.ndarray,
    *,
    batch: int,
    change: Change | None = None,
) -> Iterator[Batch]:
    """Yield the images `rows` in order, the last batch as small as it comes.

    They are as they are, or as `change` makes them of each batch and its number.
    """

    def make(step: int) -> Batch:
        part = rows[step * batch : (step + 1) * batch]
        chosen = images[part] if change is None else change(images[part], step)
        return Batch(chosen, labels[part])

    return make_ahead(make, range(-(-len(rows) // batch)))
