"""Batches of pictures and labels, made ahead of their use."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from keiryo.data.augment import Augmentation, augment

BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Batch:
    """Pictures (N, size, size, 3), uint8, with their labels (N,), int64."""

    images: np.ndarray
    labels: np.ndarray


class TrainingBatches:
    """The training pictures in a new order each epoch, varied anew each time.

    Batch `step` of `epoch` follows from the seed alone, so that a training can go on
    at any step with the batches it would have had.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        rows: np.ndarray,
        *,
        batch: int,
        seed: int,
        augmentation: Augmentation,
    ) -> None:
        self._images = images
        self._labels = labels
        self._rows = rows
        self.batch = min(batch, len(rows))
        self._seed = seed
        self._augmentation = augmentation

    @property
    def steps(self) -> int:
        """How many batches an epoch has; a last one that is not full is left out.

        The pictures in it come up in other epochs, and no batch norm ever sees a
        batch of one.
        """
        return len(self._rows) // self.batch

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from `first_step` on."""
        order = np.random.default_rng((self._seed, epoch)).permutation(self._rows)

        def make(step: int) -> Batch:
            rows = order[step * self.batch : (step + 1) * self.batch]
            # Sorted, so that the memory map is read from front to back.
            rows = np.sort(rows)
            images = self._images[rows]
            if self._augmentation.changes_anything():
                random = np.random.default_rng((self._seed, epoch, step))
                images = augment(images, random, self._augmentation)
            return Batch(images, self._labels[rows])

        return _ahead(make, range(first_step, self.steps))


def plain_batches(
    images: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, batch: int
) -> Iterator[Batch]:
    """Yield the pictures `rows` in order and unvaried, the last batch as small as it comes."""

    def make(step: int) -> Batch:
        part = rows[step * batch : (step + 1) * batch]
        return Batch(images[part], labels[part])

    return _ahead(make, range(-(-len(rows) // batch)))


def _ahead(make: Callable[[int], Batch], steps: range) -> Iterator[Batch]:
    """Yield `make(step)` for each step, made by another thread while the last ones are used."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Batch]] = []
        for step in steps:
            waiting.append(pool.submit(make, step))
            if len(waiting) > BATCHES_AHEAD:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
