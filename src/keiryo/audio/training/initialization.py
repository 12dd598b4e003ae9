"""The weights that a WaveNet's training begins with.

As PyTorch draws them, a code's column has nothing to do with its neighbours', and is so small
that hardly anything of it reaches the output: that neighbouring codes sound alike, and that a
sample lies near the one before it, would have to be learned first of all.
"""

import math

import numpy as np
import torch
from torch import Tensor

from keiryo.models.wavenet import WaveNet

# In how many half waves a channel goes from the lowest code to the highest, at the most.
INPUT_WAVES, OUTPUT_WAVES = 4.0, 8.0
INPUT_SCALE, OUTPUT_SCALE = 0.5, 0.5


@torch.no_grad()
def initialize(network: WaveNet, counts: np.ndarray) -> None:
    """Set input and output of a network up, in place, for codes that come so often, (256,).

    Columns of the input and rows of the output's softmax are random waves over the codes
    (random Fourier features, Rahimi & Recht 2008, section 3), and its biases are such that the
    network begins by knowing how often each code comes. The components of a mixture of
    logistics begin spread over the codes.
    """
    configuration = network.configuration
    shares = torch.from_numpy((counts + 1) / (counts + 1).sum())
    bias = network.output.bias
    if configuration.output == "softmax":
        channels, codes, taps = network.input.weight.shape
        waves = [_waves(channels, codes, INPUT_WAVES) for _ in range(taps)]
        network.input.weight.copy_(INPUT_SCALE * torch.stack(waves, dim=2))
        outputs = _waves(configuration.skip_channels, configuration.levels, OUTPUT_WAVES).T
        scale = OUTPUT_SCALE / math.sqrt(configuration.skip_channels)
        network.output.weight.copy_(scale * outputs[..., None])
        if bias is not None:
            bias.copy_(shares.log())
    elif bias is not None:
        mixtures = configuration.mixtures
        # Each has as many of the samples about it.
        places = torch.searchsorted(shares.cumsum(0), (torch.arange(mixtures) + 0.5) / mixtures)
        means = places / (len(shares) - 1) * 2 - 1
        widths = torch.full((mixtures,), math.log(1 / mixtures))
        bias.copy_(torch.cat((torch.zeros(mixtures), means, widths)))


def _waves(count: int, codes: int, most: float) -> Tensor:
    """Return `count` cosines over the codes, (count, codes), of random pitch and phase."""
    pitch = torch.rand(count, 1) * most
    phase = torch.rand(count, 1) * 2 * math.pi
    return math.sqrt(2) * torch.cos(math.pi * pitch * torch.linspace(-1, 1, codes) + phase)
