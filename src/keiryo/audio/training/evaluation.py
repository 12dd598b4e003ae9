"""The likelihood that a network gives to recordings it was not trained on."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

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
from keiryo.recordings.chunks import ChunkBatch, Chunks, chunks_in_order, numbers_of_step
from keiryo.recordings.mu_law import CODES
from keiryo.recordings.pack import RecordingPack
from keiryo.train.task import EvaluationStoppedError

# The order in which held-out chunks are evaluated; it is the same in all trainings.
ORDER_SEED = 0


@dataclass(frozen=True)
class Likelihood:
    """The mean of -ln P over so many samples, and its standard error.

    The standard error, NaN for a single recording, is that of recordings drawn at random. `rise`
    is how much more -ln P is with other recordings' conditions, if that was asked for.
    """

    nats_per_sample: float
    samples: int
    standard_error: float = math.nan
    rise: float | None = None

    @property
    def bits_per_sample(self) -> float:
        return self.nats_per_sample / NATS_PER_BIT


@dataclass(frozen=True)
class Extent:
    """How far an evaluation goes, over the chunks `numbers`; None: over all, in order.

    After `seconds` it ends, with at least one batch; None: never before its end. It is asked
    before each batch whether it `stops`.
    """

    numbers: np.ndarray | None = None
    seconds: float | None = None
    stops: Callable[[], bool] = field(default=lambda: False)


WHOLE = Extent()


def held_out_likelihood(
    network: WaveNet,
    chunks: Chunks,
    *,
    batch: int,
    device: torch.device,
    extent: Extent = WHOLE,
    confused_samples: int = 0,
) -> Likelihood:
    """Return the likelihood of the samples of `chunks` under `network`, each given its true past.

    The first chunks, with about `confused_samples` samples, are evaluated a second time with the
    conditions of other chunks, chosen at random. Raises EvaluationStoppedError if `extent` stops
    it.
    """
    network.eval()
    order = np.arange(len(chunks)) if extent.numbers is None else extent.numbers
    others = np.random.default_rng(ORDER_SEED).permutation(len(chunks))
    rows: list[np.ndarray] = []
    found: list[np.ndarray] = []
    rise, done, confused_done = 0.0, 0, 0
    context = mixed_where_faster(network, device)
    started = time.perf_counter()

    def of_chunks(chunk_batch: ChunkBatch) -> np.ndarray:
        on = on_device(chunk_batch, device)
        with context():
            outputs = outputs_for_targets(network, on)
        return -likelihoods(outputs, network, on).sum(dim=1, dtype=torch.float64).cpu().numpy()

    with torch.inference_mode():
        for step, chunk_batch in enumerate(chunks_in_order(chunks, batch=batch, numbers=order)):
            if extent.stops():
                raise EvaluationStoppedError
            is_late = extent.seconds is not None and time.perf_counter() - started > extent.seconds
            if step and is_late:
                break
            numbers = numbers_of_step(order, batch, step)
            rows.append(chunks.recordings[numbers])
            nats = of_chunks(chunk_batch)
            found.append(np.stack((nats, chunk_batch.counts)))
            done += int(chunk_batch.counts.sum())
            if confused_done < confused_samples:
                conditions = chunks.batch(others[numbers]).conditions
                confused = of_chunks(replace(chunk_batch, conditions=conditions))
                rise += float((confused - nats).sum())
                confused_done = done
    nats, counts = np.concatenate(found, axis=1)
    samples = int(counts.sum())
    mean = float(nats.sum()) / max(1, samples)
    error = _standard_error(np.concatenate(rows), nats, counts, mean)
    return Likelihood(mean, samples, error, rise / confused_done if confused_done else None)


def _standard_error(rows: np.ndarray, nats: np.ndarray, counts: np.ndarray, mean: float) -> float:
    """Return the standard error of the ratio of two sums over recordings.

    Cochran 1977, "Sampling Techniques", section 6.5. Chunks of one recording are alike, so
    recordings are what is counted.
    """
    _, recording = np.unique(rows, return_inverse=True)
    differences = np.bincount(recording, weights=nats - mean * counts)
    number = len(differences)
    if number < 2:
        return math.nan
    variance = number / (number - 1) * float(np.square(differences).sum())
    return math.sqrt(variance) / float(counts.sum())


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
