"""The likelihood that a network gives to recordings it was not trained on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from keiryo.audio.training.objective import (
    NATS_PER_BIT,
    likelihoods,
    mixed_where_faster,
    on_device,
    outputs_for_targets,
)
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.chunks import ChunkBatch, Chunks, chunks_in_order
from keiryo.recordings.mu_law import CODES
from keiryo.recordings.pack import RecordingPack


@dataclass(frozen=True)
class Likelihood:
    """The mean of -ln P over so many samples."""

    nats_per_sample: float
    samples: int

    @property
    def bits_per_sample(self) -> float:
        return self.nats_per_sample / NATS_PER_BIT


def held_out_likelihood(
    network: WaveNet,
    chunks: Chunks,
    *,
    batch: int,
    device: torch.device,
    confuses_conditions: bool = False,
) -> Likelihood:
    """Return the likelihood of all samples of `chunks` under `network`, each given its true past.

    `confuses_conditions` gives each chunk the conditions of another one, at random.
    """
    network.eval()
    total, samples = 0.0, 0
    context = mixed_where_faster(network, device)
    with torch.inference_mode():
        for chunk_batch in _batches(chunks, batch, confuses_conditions):
            on = on_device(chunk_batch, device)
            with context():
                outputs = outputs_for_targets(network, on)
            total -= float(likelihoods(outputs, network, on).sum(dtype=torch.float64))
            samples += on.targets
    return Likelihood(total / max(1, samples), samples)


def some_rows(pack: RecordingPack, rows: np.ndarray, samples: int) -> np.ndarray:
    """Return evenly spread rows that have about so many samples together, or all rows."""
    have = int(pack.counts[rows].sum())
    return rows[:: max(1, have // max(1, samples))]


def counts_of_codes(pack: RecordingPack, rows: np.ndarray) -> np.ndarray:
    """Return the count of each code in these recordings, (256,), int64."""
    counts = np.zeros(CODES, np.int64)
    for row in rows:
        counts += np.bincount(pack.recording(int(row)), minlength=CODES)
    return counts


def entropy_of_codes(counts: np.ndarray) -> float:
    """Return the entropy, in nats, of codes with these counts.

    It is the loss of guessing by the share of each code, without the past.
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _batches(chunks: Chunks, batch: int, confuses_conditions: bool) -> Iterator[ChunkBatch]:
    order = np.random.default_rng(0).permutation(len(chunks))
    first = 0
    for chunk_batch in chunks_in_order(chunks, batch=batch):
        if confuses_conditions:
            others = order[first : first + len(chunk_batch.codes)]
            first += len(others)
            chunk_batch = replace(chunk_batch, conditions=chunks.batch(others).conditions)
        yield chunk_batch
