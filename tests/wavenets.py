"""Small WaveNets for the tests, one for each option, with what they are conditioned by."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from keiryo.models.wavenet import WaveNet, WaveNetConfiguration

SMALL: dict[str, Any] = {
    "stacks": 2,
    "layers_per_stack": 4,
    "residual_channels": 10,
    "gate_channels": 7,
    "skip_channels": 20,
    "levels": 32,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "softmax": {},
    "logistics": {"output": "logistics", "levels": 256, "mixtures": 4},
    "logistics of 16 bits": {"output": "logistics", "levels": 65536, "mixtures": 3},
    "kernel of 3": {"kernel_size": 3},
    "ordinary convolutions": {"dilated": False},
    "no bias": {"bias": False},
    "weight norm": {"weight_norm": True},
    "labels": {"labels": (3, 5), "label_channels": 4},
    "local, repeated": {"local_channels": 3, "samples_per_frame": 25},
    "local, transposed": {
        "local_channels": 3,
        "samples_per_frame": 25,
        "upsampling": "transposed",
    },
    "all": {
        "output": "logistics",
        "kernel_size": 3,
        "weight_norm": True,
        "labels": (2,),
        "local_channels": 2,
        "samples_per_frame": 50,
    },
}


class Conditioned(NamedTuple):
    """A network with conditions for `streams` recordings of 2,000 samples."""

    network: WaveNet
    labels: Tensor | None
    local: Tensor | None


def small_wavenet(option: str, *, streams: int = 1, samples: int = 2000) -> Conditioned:
    """Return the network of an option with weights that let every sample matter."""
    torch.manual_seed(0)
    configuration = WaveNetConfiguration(**SMALL | OPTIONS[option])
    network = WaveNet(configuration).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        # At first outputs hardly differ from one another.
        for parameter in network.output.parameters():
            parameter.mul_(4)
    labels = local = None
    if configuration.labels:
        labels = torch.stack(
            [torch.arange(streams) % values for values in configuration.labels], dim=1
        )
    if configuration.local_channels:
        frames = samples // configuration.samples_per_frame
        local = torch.randn(streams, configuration.local_channels, frames)
    return Conditioned(network, labels, local)


def full_outputs(given: Conditioned, samples: Tensor) -> Tensor:
    """Return the outputs (streams, T, channels) of one pass over whole recordings."""
    if given.network.configuration.output == "softmax":
        samples = samples.long()
    with torch.no_grad():
        return given.network(samples, given.labels, given.local).transpose(1, 2)


def one_hot(codes: Tensor, levels: int) -> Tensor:
    """Codes (N, T) as (N, levels, T), float32."""
    return nn.functional.one_hot(codes.long(), levels).transpose(1, 2).to(torch.float32)
