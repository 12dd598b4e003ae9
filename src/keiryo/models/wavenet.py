"""WaveNet (van den Oord et al. 2016, "WaveNet: A Generative Model for Raw Audio")."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from keiryo.errors import InputError
from keiryo.nn.causal import PastConvolution
from keiryo.nn.gated import GatedResidualUnit
from keiryo.nn.logistics import PARAMETERS, mixture_log_likelihood

Output = Literal["softmax", "logistics"]
Upsampling = Literal["repeat", "transposed"]

# The least value of each field.
_LEAST = {
    "stacks": 1,
    "layers_per_stack": 1,
    "kernel_size": 2,
    "residual_channels": 1,
    "gate_channels": 1,
    "skip_channels": 1,
    "levels": 2,
    "mixtures": 1,
    "label_channels": 1,
    "local_channels": 0,
    "samples_per_frame": 1,
}


@dataclass(frozen=True)
class WaveNetConfiguration:
    """The configuration of a WaveNet; the defaults are the smaller of the benchmark's two."""

    stacks: int = 3
    layers_per_stack: int = 10  # dilations 1, 2, 4, ..., 512 (section 2.1)
    kernel_size: int = 2
    dilated: bool = True  # False: ordinary causal convolutions, for comparison
    residual_channels: int = 32
    gate_channels: int = 32
    skip_channels: int = 128
    output: Output = "softmax"
    # The number of values of a sample: codes of a softmax, levels of a mixture (65,536: 16 bits).
    levels: int = 256
    mixtures: int = 10
    # Global conditioning: the number of values of each label, and the size of its embedding.
    labels: tuple[int, ...] = ()
    label_channels: int = 16
    # Local conditioning: channels of a series with a frame every `samples_per_frame` samples.
    local_channels: int = 0
    samples_per_frame: int = 1
    upsampling: Upsampling = "repeat"
    bias: bool = True
    weight_norm: bool = False

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise InputError(f"{name}: must be at least {least}, is {getattr(self, name)}")
        if any(values < 1 for values in self.labels):
            raise InputError("labels: each must have at least one value")

    @property
    def dilations(self) -> tuple[int, ...]:
        """The dilation of each layer."""
        stack = [2**layer if self.dilated else 1 for layer in range(self.layers_per_stack)]
        return tuple(stack * self.stacks)

    @property
    def receptive_field(self) -> int:
        """The number of earlier samples that a sample's distribution depends on.

        It is 1 + (K - 1) for the input convolution, plus (K - 1) · d for each layer.
        """
        return 1 + (self.kernel_size - 1) * (1 + sum(self.dilations))

    @property
    def input_channels(self) -> int:
        """The number of input channels: codes in one-hot form, or 1 for the sample itself."""
        return self.levels if self.output == "softmax" else 1

    @property
    def output_channels(self) -> int:
        """The number of output channels: a logit for each code, or the mixture's parameters."""
        return self.levels if self.output == "softmax" else PARAMETERS * self.mixtures


class WaveNet(nn.Module):
    """A network that predicts each sample's distribution from earlier samples (equation 1).

    It is a causal convolution, gated residual units with growing dilations, the sum of their
    skips, and ReLU, 1 x 1, ReLU, 1 x 1 (figure 4). Output t depends on samples before t, and on
    conditions at t, so training takes the same recording as input and as target.
    """

    def __init__(self, configuration: WaveNetConfiguration) -> None:
        super().__init__()
        self.configuration = c = configuration

        def normalize(layer: Any) -> Any:
            # Weight norm splits a weight into direction and length (Salimans & Kingma 2016).
            return weight_norm(layer) if c.weight_norm else layer

        self.input: PastConvolution = normalize(
            PastConvolution(c.input_channels, c.residual_channels, c.kernel_size, bias=c.bias)
        )
        self.embeddings = nn.ModuleList(
            nn.Embedding(values, c.label_channels) for values in c.labels
        )
        if c.local_channels and c.upsampling == "transposed":
            # Each frame's samples depend on that frame alone.
            self.upsampling = nn.ConvTranspose1d(
                c.local_channels, c.local_channels, c.samples_per_frame, c.samples_per_frame
            )
        self.layers = nn.ModuleList(
            GatedResidualUnit(
                c.residual_channels,
                c.gate_channels,
                c.skip_channels,
                kernel_size=c.kernel_size,
                dilation=dilation,
                global_channels=c.label_channels * len(c.labels),
                local_channels=c.local_channels,
                bias=c.bias,
                has_residual=index < len(c.dilations) - 1,
                normalize=normalize,
            )
            for index, dilation in enumerate(c.dilations)
        )
        self.hidden: nn.Conv1d = normalize(
            nn.Conv1d(c.skip_channels, c.skip_channels, 1, bias=c.bias)
        )
        self.output: nn.Conv1d = normalize(
            nn.Conv1d(c.skip_channels, c.output_channels, 1, bias=c.bias)
        )

    @property
    def units(self) -> list[GatedResidualUnit]:
        """The gated residual units, in order."""
        return cast("list[GatedResidualUnit]", list(self.layers))

    def forward(
        self, x: Tensor, labels: Tensor | None = None, local: Tensor | None = None
    ) -> Tensor:
        """Return logits (N, levels, T), or parameters of the mixture (N, 3 · mixtures, T).

        x: codes (N, T), or their one-hot form (N, levels, T); for a mixture, samples (N, 1, T) or
        (N, T) from -1 to 1. labels (N, number of labels), integers. local (N, local channels,
        frames), with a frame for every `samples_per_frame` samples.
        Raises InputError if conditions are missing, too many, or of another length.
        """
        if x.is_floating_point() and x.dim() == 2:
            x = x[:, None]
        global_condition = self.embed(labels)
        upsampled = self.upsample(local)
        if upsampled is not None and upsampled.shape[-1] != x.shape[-1]:
            raise InputError(
                f"local: has frames for {upsampled.shape[-1]} samples, but there are {x.shape[-1]}"
            )
        residual = self.input(x)
        total = torch.zeros((), dtype=residual.dtype, device=residual.device)
        for layer in self.units:
            residual, skip = layer(residual, global_condition, upsampled)
            total = total + skip
        return self.output(self.hidden(total.relu()).relu())

    def embed(self, labels: Tensor | None) -> Tensor | None:
        """Return the embeddings (N, channels of all labels) of labels (N, number of labels)."""
        expected = len(self.configuration.labels)
        given = 0 if labels is None else labels.shape[-1]
        if given != expected:
            raise InputError(f"labels: each recording needs {expected}, {given} given")
        if labels is None or not expected:
            return None
        parts = [embed(labels[:, index]) for index, embed in enumerate(self.embeddings)]
        return torch.cat(parts, dim=1)

    def upsample(self, local: Tensor | None) -> Tensor | None:
        """Return frames (N, local channels, frames) as (N, local channels, samples)."""
        expected = self.configuration.local_channels
        given = 0 if local is None else local.shape[1]
        if given != expected:
            raise InputError(f"local: needs {expected} channels, {given} given")
        if local is None or not expected:
            return None
        if self.configuration.upsampling == "transposed":
            return self.upsampling(local)
        return functional.interpolate(
            local, scale_factor=self.configuration.samples_per_frame, mode="nearest"
        )

    def log_likelihood(
        self, x: Tensor, labels: Tensor | None = None, local: Tensor | None = None
    ) -> Tensor:
        """Return ln P of each sample given the samples before it, (N, T).

        Arguments are those of `forward`, with codes as (N, T). The negative mean is the training
        loss; divided by ln 2, it is in bits per sample. Leave out the first `receptive_field`
        samples: fewer samples precede them.
        """
        outputs = self.forward(x, labels, local)
        if self.configuration.output == "softmax":
            return -functional.cross_entropy(outputs, x.long(), reduction="none")
        samples = x[:, 0] if x.dim() == 3 else x
        return mixture_log_likelihood(outputs, samples, levels=self.configuration.levels)
