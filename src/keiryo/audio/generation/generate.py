"""Samples from a WaveNet, in chunks as they are generated."""

from collections.abc import Iterator
from itertools import count as counting

import numpy as np
from torch import Tensor

from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.sampling import Draws, Sampling
from keiryo.audio.generation.stepper import Stepper, check_given
from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration

CHUNK_SAMPLES = 4000  # a quarter of a second at 16 kHz


def generate(
    network: WaveNet,
    samples: int | None,
    *,
    streams: int = 1,
    labels: Tensor | None = None,
    local: Tensor | None = None,
    primer: np.ndarray | None = None,
    sampling: Sampling | None = None,
    seed: int = 0,
    weights: WeightKind = "float32",
    threads: int = 1,
    chunk: int = CHUNK_SAMPLES,
) -> Iterator[np.ndarray]:
    """Yield arrays (streams, at most `chunk`) until there are `samples` of each stream.

    They hold codes of the network's softmax (uint8, or uint16 for more than 256 levels;
    `keiryo.recordings.mu_law.decode` turns mu-law codes into samples), or samples from -1 to 1
    (float32). `samples` None: without end, or to the end of `local`.

    labels (streams, number of labels) or (number of labels,) for all streams; local (streams,
    local channels, frames) or (local channels, frames), from the primer's first sample on.
    primer (streams, length) or (length,) holds earlier samples, which are not yielded. The same
    seed gives the same samples, whatever `chunk`, `threads` and the number of streams are.
    Another processor may round differently, and so give other samples from some place on.

    On the processor a compiled loop runs (`keiryo.audio.generation.compiled`), in float32 or
    int8; on a CUDA device, a graph. Raises InputError if arguments do not fit the network, and
    FloatingPointError if the network's outputs are not finite.
    """
    configuration = network.configuration
    if chunk < 1 or (samples is not None and samples < 0):
        raise InputError("chunk must be at least 1, and samples not negative")
    given = _check_primer(primer, streams, configuration)
    if samples is None and local is not None:
        samples = local.shape[-1] * configuration.samples_per_frame - given.shape[1]
    stepper = _make_stepper(network, streams, labels, local, sampling, weights, threads)
    # A generator of its own, so that all checks run now and not at the first sample.
    return _chunks(
        stepper, Draws(seed, streams, configuration), given, samples, chunk, configuration
    )


def _chunks(
    stepper: Stepper,
    draws: Draws,
    given: np.ndarray,
    samples: int | None,
    chunk: int,
    configuration: WaveNetConfiguration,
) -> Iterator[np.ndarray]:
    if given.shape[1]:
        # The primer uses up random numbers too, so that generated samples can be a primer.
        stepper.advance(draws.take(given.shape[1]), given)
    kind = np.float32
    if configuration.output == "softmax":
        kind = np.uint8 if configuration.levels <= 256 else np.uint16
    for done in counting(0, chunk):
        count = chunk if samples is None else min(chunk, samples - done)
        if count <= 0:
            return
        yield stepper.advance(draws.take(count)).samples.astype(kind)


def _make_stepper(
    network: WaveNet,
    streams: int,
    labels: Tensor | None,
    local: Tensor | None,
    sampling: Sampling | None,
    weights: WeightKind,
    threads: int,
) -> Stepper:
    if network.output.weight.is_cuda:
        from keiryo.audio.generation.cuda_graph import CudaGraphStepper

        if weights != "float32":
            raise InputError("weights: int8 is for the processor alone")
        return CudaGraphStepper(
            network, streams=streams, labels=labels, local=local, sampling=sampling
        )
    from keiryo.audio.generation.compiled import CompiledStepper

    return CompiledStepper(
        network,
        streams=streams,
        labels=labels,
        local=local,
        sampling=sampling,
        weights=weights,
        threads=threads,
    )


def _check_primer(
    primer: np.ndarray | None, streams: int, configuration: WaveNetConfiguration
) -> np.ndarray:
    if primer is None:
        return np.zeros((streams, 0), np.float32)
    given = np.asarray(primer)
    if given.ndim == 1:
        given = np.broadcast_to(given, (streams, len(given)))
    if given.ndim != 2 or len(given) != streams:
        raise InputError(f"primer: one for each of {streams} streams is needed, or one for all")
    check_given(given, configuration)
    return given.astype(np.float32)
