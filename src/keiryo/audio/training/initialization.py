"""The initial weights of a WaveNet's training.

In PyTorch's random initialisation, the columns of neighbouring codes are independent, and so small
that they hardly reach the output. The network would first have to learn that neighbouring codes
sound alike, and that a sample is near the one before it.
"""

import math

import numpy as np
import torch
from torch import Tensor

from keiryo.models.wavenet import WaveNet

# The most half waves of a channel from the lowest code to the highest.
INPUT_WAVES, OUTPUT_WAVES = 4.0, 8.0
INPUT_SCALE, OUTPUT_SCALE = 0.5, 0.5


@torch.no_grad()
def initialize(network: WaveNet, counts: np.ndarray) -> None:
    """Initialise input and output of a network, in place, for the counts of codes, (256,).

    Columns of the input and rows of the output's softmax are random waves over the codes
    (random Fourier features, Rahimi & Recht 2008, section 3). The output's biases begin as the
    share of each code. The components of a mixture of logistics begin spread over the codes.
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
        # Each component has as many of the samples near it.
        places = torch.searchsorted(shares.cumsum(0), (torch.arange(mixtures) + 0.5) / mixtures)
        means = places / (len(shares) - 1) * 2 - 1
        widths = torch.full((mixtures,), math.log(1 / mixtures))
        bias.copy_(torch.cat((torch.zeros(mixtures), means, widths)))


def _waves(count: int, codes: int, most: float) -> Tensor:
    """Return `count` cosines over the codes, (count, codes), of random pitch and phase."""
    pitch = torch.rand(count, 1) * most
    phase = torch.rand(count, 1) * 2 * math.pi
    return math.sqrt(2) * torch.cos(math.pi * pitch * torch.linspace(-1, 1, codes) + phase)
