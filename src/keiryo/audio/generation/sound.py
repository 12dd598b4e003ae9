"""Sound from a trained WaveNet: labels and earlier sound in, samples out."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from keiryo.audio.generation.generate import CHUNK_SAMPLES, generate
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.sampling import Sampling
from keiryo.audio.training.objective import codes_of_samples, levels_of_codes
from keiryo.models.wavenet import WaveNet
from keiryo.recordings.mu_law import SILENCE, decode, encode


def make_sound(
    network: WaveNet,
    samples: int,
    *,
    labels: Sequence[int] = (),
    before: np.ndarray | None = None,
    streams: int = 1,
    sampling: Sampling | None = None,
    seed: int = 0,
    weights: WeightKind = "float32",
    threads: int = 1,
    chunk: int = CHUNK_SAMPLES,
) -> Iterator[np.ndarray]:
    """Yield sound (streams, at most `chunk`), float32 from -1 to 1, `samples` of each stream.

    `labels` are the number of each condition's value. `before`, (T,), is the sound before it;
    the network gets as much of it as its receptive field, with silence in front. Training is
    the same: there is always sound or silence before a sample. Raises as `generate` does.
    """
    configuration = network.configuration
    field = configuration.receptive_field
    heard = np.zeros(0, np.float32) if before is None else before[-field:]
    primer = np.concatenate((np.full(field - len(heard), SILENCE, np.uint8), encode(heard)))
    given = primer
    if configuration.output == "logistics":
        given = levels_of_codes(torch.from_numpy(primer)).numpy()
    pieces = generate(
        network,
        samples,
        streams=streams,
        labels=torch.tensor(list(labels)) if labels else None,
        primer=given,
        sampling=sampling,
        seed=seed,
        weights=weights,
        threads=threads,
        chunk=chunk,
    )
    return (decode(codes_of_samples(piece)) for piece in pieces)
