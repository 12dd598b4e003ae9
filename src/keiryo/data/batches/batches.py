"""Batches of images and labels, which another thread makes ahead of their use."""

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

# From images (N, size, size, 3), uint8, and the number of their batch to changed images.
Change = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Batch:
    """Images (N, size, size, 3), uint8, with their labels (N,), int64.

    If images are mixed, `partner_labels` (N,), int64, are the labels of their partners, and
    `weights` (N,), float32, the weights of their own labels.
    """

    images: np.ndarray
    labels: np.ndarray
    partner_labels: np.ndarray | None = None
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class DrawnBatch:
    """The random choices for a batch: its rows and their augmentation."""

    rows: np.ndarray
    augmentation: BatchAugmentation | None

    def targets(
        self, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return labels, partner labels and weights of the batch from the `labels` of all rows."""
        own = labels[self.rows]
        if self.augmentation is None or self.augmentation.mixing is None:
            return own, None, None
        return own, own[self.augmentation.mixing.partners], self.augmentation.mixing.weights


class BatchSampler:
    """Draws the batches of each epoch: `rows` in a new order, with new augmentation.

    The batch of a step and epoch depends on the seed alone.
    """

    def __init__(
        self, rows: np.ndarray, *, batch: int, size: int, seed: int, augmentation: Augmentation
    ) -> None:
        self.batch = min(batch, len(rows))
        self.rows = rows
        self._size = size
        self._seed = seed
        self._augmentation = augmentation

    @property
    def steps(self) -> int:
        """Number of batches in an epoch; an incomplete last one is left out.

        Its images occur in other epochs, and no batch norm sees a batch of one image.
        """
        return len(self.rows) // self.batch

    def epoch(self, epoch: int) -> Callable[[int], DrawnBatch]:
        """Return a function that draws the batch of a step of `epoch`."""
        order = np.random.default_rng((self._seed, epoch)).permutation(self.rows)

        def draw(step: int) -> DrawnBatch:
            # Sorted, so that the memory map is read from front to back.
            rows = np.sort(order[step * self.batch : (step + 1) * self.batch])
            if not self._augmentation.changes_anything():
                return DrawnBatch(rows, None)
            random = np.random.default_rng((self._seed, epoch, step))
            return DrawnBatch(
                rows, draw_augmentation(len(rows), self._size, random, self._augmentation)
            )

        return draw


class TrainingBatches:
    """The training images in a new order each epoch, with new augmentation.

    The sampler decides each batch, so a training continues at any step with the same batches.
    `workers` is the number of threads that augment a batch; it changes only the time.
    """

    def __init__(
        self, images: ImageRows, labels: np.ndarray, sampler: BatchSampler, *, workers: int = 1
    ) -> None:
        self._images = images
        self._labels = labels
        self._sampler = sampler
        self._workers = workers

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from `first_step` on."""
        draw = self._sampler.epoch(epoch)
        # The thread that makes the batches ahead is the first worker, so one needs no pool.
        with ThreadPoolExecutor(self._workers) if self._workers > 1 else nullcontext() as pool:

            def make(step: int) -> Batch:
                return self._make(draw(step), pool)

            yield from make_ahead(make, range(first_step, self._sampler.steps))

    def _make(self, drawn: DrawnBatch, pool: Executor | None) -> Batch:
        images = self._images[drawn.rows]
        if drawn.augmentation is not None:
            images = augment(images, drawn.augmentation, pool=pool)
        return Batch(images, *drawn.targets(self._labels))


def batches_in_order(
    images: ImageRows,
    labels: np.ndarray,
    rows: np.ndarray,
    *,
    batch: int,
    change: Change | None = None,
) -> Iterator[Batch]:
    """Yield batches of the images `rows` in order, without augmentation; the last may be smaller.

    `change`, if given, changes the images of each batch.
    """

    def make(step: int) -> Batch:
        part = rows[step * batch : (step + 1) * batch]
        chosen = images[part] if change is None else change(images[part], step)
        return Batch(chosen, labels[part])

    return make_ahead(make, range(-(-len(rows) // batch)))
