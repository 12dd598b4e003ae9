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


def chunks_in_order(chunks: Chunks, *, batch: int) -> Iterator[ChunkBatch]:
    """Yield all chunks in order; the last batch may be smaller."""
    order = np.arange(len(chunks))
    return _batches(chunks, order, batch, range(-(-len(chunks) // batch)))


def _batches(chunks: Chunks, order: np.ndarray, batch: int, steps: range) -> Iterator[ChunkBatch]:
    # Sorted, so that the memory map is read from front to back.
    return make_ahead(
        lambda step: chunks.batch(np.sort(order[step * batch : (step + 1) * batch])), steps
    )
