"""The interface that every way to generate shares."""

from typing import NamedTuple, Protocol

import numpy as np

from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNetConfiguration


class Steps(NamedTuple):
    """Samples (streams, steps): codes or numbers from -1 to 1, float32.

    `outputs` (streams, steps, output channels) are the network's outputs that the samples were
    drawn from; None if they were not to be kept.
    """

    samples: np.ndarray
    outputs: np.ndarray | None


class Stepper(Protocol):
    """A generator of streams of samples that continues each stream from its past."""

    def advance(
        self, draws: np.ndarray, given: np.ndarray | None = None, *, keep_outputs: bool = False
    ) -> Steps:
        """Make as many steps as there are draws (streams, steps, per sample).

        The first samples are those `given` (streams, at most steps); the others are drawn.
        Raises FloatingPointError if the network's outputs are not finite, and InputError if
        there are not conditions for so many samples.
        """
        ...


def first_samples(given: np.ndarray | None, streams: int, steps: int) -> tuple[np.ndarray, int]:
    """Return samples (streams, steps), float32, with the given ones in front, and their number."""
    samples = np.zeros((streams, steps), np.float32)
    count = 0 if given is None else given.shape[1]
    if given is not None:
        samples[:, :count] = given
    return samples, count


def check_given(given: np.ndarray, configuration: WaveNetConfiguration) -> None:
    """Raise InputError if given samples are outside the network's range."""
    least, most = (0, configuration.levels - 1) if configuration.output == "softmax" else (-1, 1)
    if given.size and not (given.min() >= least and given.max() <= most):
        raise InputError(f"given samples must be from {least} to {most}")


def check_drawn(samples: np.ndarray, configuration: WaveNetConfiguration) -> None:
    """Raise FloatingPointError if any sample could not be drawn."""
    least = 0 if configuration.output == "softmax" else -1
    wrong = ~(samples >= least)  # true of NaN as well
    if wrong.any():
        stream, step = np.argwhere(wrong)[0]
        raise FloatingPointError(
            f"the network's output is not finite (stream {stream}, sample {step} of this call)"
        )
