"""The objective of a WaveNet: the likelihood of each sample, given the samples before it.

The given past is the true one, not a generated one (teacher forcing), so all samples of a chunk are
predicted at once (van den Oord et al. 2016, section 2.1).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from keiryo.models.wavenet import WaveNet
from keiryo.nn.gated_rows import gated_rows
from keiryo.nn.logistics import mixture_log_likelihood
from keiryo.recordings.chunks import ChunkBatch
from keiryo.recordings.mu_law import MU
from keiryo.train.precision import ForwardContext, mixed_precision

NATS_PER_BIT = math.log(2)


@dataclass(frozen=True)
class SoundBatch:
    """Chunks on the device: codes (N, context + T), mask (N, T), labels (N, labels) or None."""

    codes: Tensor
    mask: Tensor
    labels: Tensor | None
    targets: int


def on_device(batch: ChunkBatch, device: torch.device) -> SoundBatch:
    """Return `batch` as tensors on `device`."""
    labels = torch.from_numpy(batch.conditions).to(device) if batch.conditions.shape[1] else None
    return SoundBatch(
        torch.from_numpy(batch.codes).to(device).long(),
        torch.from_numpy(batch.mask).to(device),
        labels,
        int(batch.counts.sum()),
    )


def mixed_where_faster(network: WaveNet, device: torch.device) -> ForwardContext:
    """Return the context of forward passes of `network` in a training.

    On the processor it does nothing: rows of channels are in float32.
    """
    return mixed_precision(network, device, "float32" if device.type == "cpu" else "auto")


def levels_of_codes(codes: Tensor) -> Tensor:
    """Return codes, from 0 to 255, as levels from -1 to 1, for a mixture of logistics.

    The mixture is over companded samples, so its bits can be compared with those of a softmax.
    """
    return codes.float() * (2 / MU) - 1


def codes_of_samples(samples: np.ndarray) -> np.ndarray:
    """Return generated samples, codes or levels from -1 to 1, as codes, uint8."""
    if samples.dtype == np.uint8:
        return samples
    return np.rint((samples + 1) * (MU / 2)).astype(np.uint8)


def outputs_for_targets(network: WaveNet, batch: SoundBatch) -> Tensor:
    """Return the network's outputs for the targets, (N, output channels, T), T those after context.

    They are the last T of `network(codes)`, but each layer computes only what the targets need:
    less of the context in each layer, and skips for targets alone. The context must be the
    receptive field.
    """
    assert batch.codes.shape[1] == network.configuration.receptive_field + batch.mask.shape[1]
    # Products over rows are in one precision; GPUs and autocast are faster with convolutions.
    is_plain = batch.codes.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    return (outputs_by_rows if is_plain else outputs_by_convolutions)(network, batch)


def outputs_by_rows(network: WaveNet, batch: SoundBatch) -> Tensor:
    """Return the outputs of `outputs_for_targets`, by products over rows of channels."""
    streams, targets = batch.mask.shape
    condition = network.embed(batch.labels)
    x = _input(network, batch.codes)
    skips = x.new_zeros(targets, streams, network.configuration.skip_channels)
    for layer in network.units:
        x, skips = gated_rows(layer, x, skips, condition)
    hidden, output = network.hidden, network.output
    last = functional.linear(skips.relu(), hidden.weight[..., 0], hidden.bias).relu()
    return functional.linear(last, output.weight[..., 0], output.bias).permute(1, 2, 0)


def outputs_by_convolutions(network: WaveNet, batch: SoundBatch) -> Tensor:
    """Return the outputs of `outputs_for_targets`, by PyTorch's convolutions."""
    targets = batch.mask.shape[1]
    condition = network.embed(batch.labels)
    x = _input(network, batch.codes).permute(1, 2, 0)
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for layer in network.units:
        conv = layer.filter_gate
        pair = functional.conv1d(x, conv.weight, conv.bias, dilation=conv.dilation)
        if condition is not None:
            pair = pair + layer.of_global(condition)[..., None]
        filtered, gate = pair.chunk(2, dim=1)
        z = torch.tanh(filtered) * torch.sigmoid(gate)
        if layer.residual is not None:
            x = x[..., -z.shape[-1] :] + layer.residual(z)
        total = total + layer.skip(z[..., -targets:])
    return network.output(network.hidden(total.relu()).relu())


def outputs_by_layers(network: WaveNet, batch: SoundBatch) -> Tensor:
    """Return the same outputs by calling the network, whose hooks then run; this is slower."""
    x = batch.codes
    if network.configuration.output == "logistics":
        x = levels_of_codes(x)
    return network(x, batch.labels)[..., -batch.mask.shape[1] :]


def likelihoods(outputs: Tensor, network: WaveNet, batch: SoundBatch) -> Tensor:
    """Return ln P of each target, (N, T), of outputs (N, output channels, T); 0 where masked."""
    targets = batch.codes[:, -batch.mask.shape[1] :]
    configuration = network.configuration
    if configuration.output == "softmax":
        # As rows, time first, in the memory order of `gated_rows`.
        rows = outputs.float().permute(2, 0, 1).flatten(0, 1)
        losses = functional.cross_entropy(rows, targets.t().flatten(), reduction="none")
        likelihood = -losses.view(targets.shape[::-1]).t()
    else:
        likelihood = mixture_log_likelihood(
            outputs.float(), levels_of_codes(targets), levels=configuration.levels
        )
    # Not by a product, in which padding that is not a number would spread.
    return torch.where(batch.mask, likelihood, 0.0)


def _input(network: WaveNet, codes: Tensor) -> Tensor:
    """Return the input convolution's outputs from the first that sees no padding, (L, N, C)."""
    conv = network.input
    taps = network.configuration.kernel_size
    if network.configuration.output == "logistics":
        samples = levels_of_codes(codes)[:, None, :-1]
        return functional.conv1d(samples, conv.weight, conv.bias).permute(2, 0, 1).contiguous()
    total = None
    for tap in range(taps):
        # Multiplying by a one-hot code leaves one column of the weights.
        seen = codes[:, tap : codes.shape[1] - taps + tap]
        column = functional.embedding(seen.t(), conv.weight[..., tap].t())
        total = column if total is None else total + column
    assert total is not None
    return total if conv.bias is None else total + conv.bias
