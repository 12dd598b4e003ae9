"""Recordings cut into chunks of equal length, each with what came before it.

A network with a receptive field of `context` samples predicts a sample from the `context`
samples before it. A chunk brings these along, so that each of its own samples is predicted
from all that the network can see of it, and predicted in no other chunk.
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

    `codes` (N, context + T), uint8: own samples begin at `context`; `counts` (N,), int64,
    says how many there are of them, T or fewer where a recording ends. What comes before a
    recording begins and after it ends is the code of silence. `conditions`
    (N, conditions), int64, are the numbers of the recordings' values.
    """

    codes: np.ndarray
    counts: np.ndarray
    conditions: np.ndarray
    context: int

    @property
    def inputs(self) -> np.ndarray:
        """Inputs of the network, (N, context + T - 1): all codes but the last.

        Of its outputs, the last T are for `targets`.
        """
        return self.codes[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """Codes to predict, (N, T); the loss is over those with a true `mask`."""
        return self.codes[:, self.context :]

    @property
    def mask(self) -> np.ndarray:
        """True for targets that are samples, false for padding, (N, T), bool."""
        return np.arange(self.targets.shape[1]) < self.counts[:, None]


class Chunks:
    """All chunks of the recordings `rows` of a pack, in order.

    `samples` is how long a chunk is, or the longest recording, where that is shorter.
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
        # Chunk number n is number n - first of its recording.
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

    Batch `step` of `epoch` follows from the seed alone, so that a training can continue at any
    step with the batches it would have had. Every sample of every recording is a target once
    an epoch; the last batch may be smaller than the others.
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
    """Yield all chunks in order, the last batch as small as it comes."""
    order = np.arange(len(chunks))
    return _batches(chunks, order, batch, range(-(-len(chunks) // batch)))


def _batches(chunks: Chunks, order: np.ndarray, batch: int, steps: range) -> Iterator[ChunkBatch]:
    # Sorted, so that the memory map is read from front to back.
    return make_ahead(
        lambda step: chunks.batch(np.sort(order[step * batch : (step + 1) * batch])), steps
    )
