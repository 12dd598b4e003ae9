"""Samples drawn from a network's outputs, by random numbers that were drawn before.

Every way to generate is given the same numbers, so that it must give the same samples.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNetConfiguration
from keiryo.nn.logistics import PARAMETERS, least_log_scale


@dataclass(frozen=True)
class Sampling:
    """Settings for drawing a sample from a distribution.

    Logits are divided by `temperature`, and the scales of logistics multiplied by it; 0 takes
    the likeliest code, or the mean of the likeliest component. `top_p` below 1 keeps only the
    likeliest codes that together have that probability (Holtzman et al. 2020, "The Curious
    Case of Neural Text Degeneration", section 3.1), and those as likely as the least of them.
    """

    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"--temperature {self.temperature:g}: give 0 or more")
        if not 0 < self.top_p <= 1:
            raise InputError(f"--top-p {self.top_p:g}: give a number above 0, at most 1")


class Draws:
    """Random numbers from [0, 1) for each stream, from a generator of its own.

    A stream's numbers depend only on the seed and the stream's number, not on how many streams
    there are or how many samples are taken at a time.
    """

    def __init__(self, seed: int, streams: int, configuration: WaveNetConfiguration) -> None:
        self._generators = [np.random.default_rng((seed, stream)) for stream in range(streams)]
        self._each = draws_per_sample(configuration)

    def take(self, count: int) -> np.ndarray:
        """Return the numbers for the next `count` samples, (streams, count, per sample)."""
        return np.stack([one.random((count, self._each)) for one in self._generators])


def draws_per_sample(configuration: WaveNetConfiguration) -> int:
    """Return the number of random numbers per sample; a mixture needs one for its component."""
    return 1 if configuration.output == "softmax" else 2


def check_sampling(sampling: Sampling, configuration: WaveNetConfiguration) -> None:
    """Raise InputError if the network's samples cannot be drawn with these settings."""
    if sampling.top_p < 1 and configuration.output == "logistics":
        raise InputError("top_p: is for codes; a mixture of logistics has none (top_p=1)")


def draw(
    outputs: Tensor, draws: Tensor, configuration: WaveNetConfiguration, sampling: Sampling
) -> Tensor:
    """Return a sample of each stream, (N,), float32: a code, or a number from -1 to 1.

    It is NaN if an output is not finite. outputs (N, output channels) of the network; draws
    (N, per sample), float64.
    """
    if configuration.output == "softmax":
        samples = _draw_index(outputs, draws[:, 0], sampling).float()
    else:
        samples = _draw_level(outputs, draws, configuration, sampling)
    return torch.where(outputs.isfinite().all(dim=1), samples, torch.nan)


def _draw_level(
    outputs: Tensor, draws: Tensor, configuration: WaveNetConfiguration, sampling: Sampling
) -> Tensor:
    logits, means, log_scales = outputs.double().chunk(PARAMETERS, dim=1)
    component = _draw_index(logits, draws[:, 0], sampling)[:, None]
    samples = means.gather(1, component)[:, 0]
    if sampling.temperature > 0:
        log_scale = log_scales.gather(1, component)[:, 0]
        log_scale = log_scale.clamp(min=least_log_scale(configuration.levels))
        # The logit of 0 and 1 is infinite.
        logistic = torch.logit(draws[:, 1].clamp(1e-12, 1 - 1e-12))
        samples = samples + log_scale.exp() * sampling.temperature * logistic
    steps = configuration.levels - 1
    level = torch.round((samples.clamp(-1, 1) + 1) / 2 * steps)
    return (level * 2 / steps - 1).float()


def _draw_index(logits: Tensor, draws: Tensor, sampling: Sampling) -> Tensor:
    """Return indices (N,) drawn from softmax(logits / temperature) by inversion."""
    if sampling.temperature == 0:
        return logits.argmax(dim=1)
    probabilities = torch.softmax(logits.double() / sampling.temperature, dim=1)
    if sampling.top_p < 1:
        ordered = probabilities.sort(dim=1, descending=True).values
        # The first place at which the share is reached, and the probability there.
        place = (ordered.cumsum(dim=1) < sampling.top_p).sum(dim=1, keepdim=True)
        least = ordered.gather(1, place.clamp(max=logits.shape[1] - 1))
        probabilities = torch.where(probabilities >= least, probabilities, 0.0)
    cumulative = probabilities.cumsum(dim=1)
    wanted = draws[:, None] * cumulative[:, -1:]
    return (cumulative <= wanted).sum(dim=1).clamp(max=logits.shape[1] - 1)
