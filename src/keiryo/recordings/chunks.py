"""Chunks of recordings: of equal length, each with the samples before it as context.

A network with a receptive field of `context` samples predicts a sample from the `context` samples
before it. A chunk includes these, so each of its own samples is predicted from all that the network
can see. Each sample is predicted in one chunk only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keiryo.ahead import make_ahead
from keiryo.recordings.mu_law import SILENCE
from keiryo.recordings.pack import RecordingPack


@dataclass(frozen=True)
class ChunkBatch:
    """Chunks of T samples, with `context` samples before each.

    In `codes` (N, context + T), uint8, a chunk's own samples begin at `context`. `counts` (N,),
    int64, are their numbers: T, or fewer at the end of a recording. The code of silence stands
    before the beginning and after the end of a recording. `conditions` (N, conditions), int64, are
    the numbers of the recordings' values.
    """

    codes: np.ndarray
    counts: np.ndarray
    conditions: np.ndarray
    context: int

    @property
    def inputs(self) -> np.ndarray:
        """Inputs of the network, (N, context + T - 1): all codes but the last.

        The last T outputs are for `targets`.
        """
        return self.codes[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """Codes to predict, (N, T); the loss is over those whose `mask` is true."""
        return self.codes[:, self.context :]

    @property
    def mask(self) -> np.ndarray:
        """True for targets that are samples, false for padding, (N, T), bool."""
        return np.arange(self.targets.shape[1]) < self.counts[:, None]


class Chunks:
    """All chunks of the recordings `rows` of a pack, in order.

    A chunk has `samples` samples, or as many as the longest recording if that is shorter.
    """

    def __init__(
        self, pack: RecordingPack, rows: np.ndarray, *, context: int, samples: int
    ) -> None:
        if context < 1 or samples < 1:
            raise ValueError("a chunk and its context have at least one sample each")
        self._pack = pack
        self.context = context
        self.samples = min(samples, int(pack.counts[rows].max(initial=1)))
        chunks = -(-pack.counts[rows] // self.samples)
        # Chunk n of all is chunk n - first of its recording.
        self._rows = np.repeat(rows, chunks)
        first = np.repeat(np.cumsum(chunks) - chunks, chunks)
        self._starts = (np.arange(len(first)) - first) * self.samples
        self.targets = int(pack.counts[rows].sum())

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def recordings(self) -> np.ndarray:
        """The row of the pack that each chunk is of, (chunks,), int64."""
        return self._rows

    @property
    def sizes(self) -> np.ndarray:
        """The number of samples of each chunk, (chunks,), int64."""
        return np.minimum(self.samples, self._pack.counts[self._rows] - self._starts)

    def spread_order(self, *, seed: int) -> np.ndarray:
        """Return all chunks' numbers in an order of which every beginning stands for the whole.

        Each combination of conditions has its share of every beginning, as nearly as possible, and
        which of its chunks come first is random.
        """
        random = np.random.default_rng(seed)
        shuffled = random.permutation(len(self))
        labels = self._pack.labels[self._rows[shuffled]]
        if not labels.shape[1] or not len(shuffled):
            return shuffled
        _, combination = np.unique(labels, axis=0, return_inverse=True)
        combination = combination.ravel()
        counts = np.bincount(combination)
        by_combination = np.argsort(combination, kind="stable")
        rank = np.empty(len(shuffled), np.int64)
        rank[by_combination] = np.arange(len(shuffled)) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        # Each combination deals its chunks out evenly from 0 to 1, from a random place on.
        place = (rank + random.random(len(counts))[combination]) / counts[combination]
        return shuffled[np.argsort(place, kind="stable")]

    def spread(self, samples: int, *, seed: int) -> np.ndarray:
        """Return the numbers of chunks with about so many `samples` that stand for all chunks.

        They are the beginning of `spread_order`, continued until each value of each condition is
        there, to twice as many samples at most.
        """
        order = self.spread_order(seed=seed)
        heard = np.cumsum(self.sizes[order])
        enough = int(np.searchsorted(heard, samples)) + 1
        most = int(np.searchsorted(heard, 2 * samples)) + 1
        labels = self._pack.labels[self._rows[order]]
        for column in labels.T:
            _, first = np.unique(column, return_index=True)
            enough = max(enough, int(first.max(initial=0)) + 1)
        return order[: min(enough, most)]

    def batch(self, numbers: np.ndarray) -> ChunkBatch:
        """Return the chunks of these `numbers`, (N,)."""
        shape = (len(numbers), self.context + self.samples)
        codes = np.full(shape, SILENCE, np.uint8)
        counts = np.empty(len(numbers), np.int64)
        for place, number in enumerate(numbers):
            recording = self._pack.recording(int(self._rows[number]))
            start = int(self._starts[number])
            own = recording[max(0, start - self.context) : start + self.samples]
            before = min(start, self.context)
            begin = self.context - before
            codes[place, begin : begin + len(own)] = own
            counts[place] = len(own) - before
        return ChunkBatch(codes, counts, self._pack.labels[self._rows[numbers]], self.context)


class ChunkBatches:
    """The chunks of the training recordings in a new order each epoch.

    The batch of a step and epoch depends on the seed alone, so a training continues at any step
    with the same batches. Each sample of each recording is a target once an epoch; the last batch
    may be smaller than the others.
    """

    def __init__(self, chunks: Chunks, *, batch: int, seed: int) -> None:
        if batch < 1:
            raise ValueError("a batch has at least one chunk")
        self.chunks = chunks
        self.batch = min(batch, max(1, len(chunks)))
        self._seed = seed

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        return -(-len(self.chunks) // self.batch)

    def epoch(self, epoch: int, *, first_step: int = 0) -> Iterator[ChunkBatch]:
        """Yield the batches of `epoch` from `first_step` on."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self.chunks))
        return _batches(self.chunks, order, self.batch, range(first_step, self.steps))


def chunks_in_order(
    chunks: Chunks, *, batch: int, numbers: np.ndarray | None = None
) -> Iterator[ChunkBatch]:
    """Yield all chunks in order, or those of `numbers`; the last batch may be smaller."""
    order = np.arange(len(chunks)) if numbers is None else numbers
    return _batches(chunks, order, batch, range(-(-len(order) // batch)))


def _batches(chunks: Chunks, order: np.ndarray, batch: int, steps: range) -> Iterator[ChunkBatch]:
    return make_ahead(lambda step: chunks.batch(numbers_of_step(order, batch, step)), steps)


def numbers_of_step(order: np.ndarray, batch: int, step: int) -> np.ndarray:
    """Return the numbers of the chunks in batch `step` of `order`."""
    # Sorted, so that the memory map is read from front to back.
    return np.sort(order[step * batch : (step + 1) * batch])
