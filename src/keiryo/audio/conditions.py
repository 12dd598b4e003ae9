"""What labels and a local series add to the gated units, worked out before generation."""

import torch
from torch import Tensor

from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet


class Conditions:
    """V h + bias of every layer (van den Oord et al. 2016, section 2.5), as rows.

    labels (streams, number of labels) or (number of labels,) for all streams alike; local
    (streams, local channels, frames) or (local channels, frames).
    """

    @torch.no_grad()
    def __init__(
        self, network: WaveNet, streams: int, labels: Tensor | None, local: Tensor | None
    ) -> None:
        self._network = network
        configuration = network.configuration
        device = network.output.weight.device
        if labels is not None:
            labels = _for_streams("labels", labels, 1, streams).to(device)
            for values, column in zip(configuration.labels, labels.T, strict=False):
                if not (int(column.min()) >= 0 and int(column.max()) < values):
                    raise InputError(f"labels: must be from 0 to {values - 1}")
        embedded = network.embed(labels)
        if local is not None:
            local = _for_streams("local", local, 2, streams).float().to(device)
        if (0 if local is None else local.shape[1]) != configuration.local_channels:
            raise InputError(f"local: {configuration.local_channels} channels are needed")
        self._local = local
        parts = []
        for layer in network.units:
            bias = layer.filter_gate.bias
            shape = (streams, 2 * configuration.gate_channels)
            part = torch.zeros(shape, device=device) if bias is None else bias.expand(shape)
            parts.append(part if embedded is None else part + layer.of_global(embedded))
        self._constant = torch.stack(parts, dim=1)  # (streams, layers, 2 · gate)
        if local is not None:
            self._of_local = torch.cat([layer.of_local.weight[..., 0] for layer in network.units])

    @property
    def samples(self) -> int | None:
        """For how many samples there are conditions; None: any number."""
        if self._local is None:
            return None
        return self._local.shape[-1] * self._network.configuration.samples_per_frame

    @property
    def samples_per_row(self) -> int:
        """For how many samples a row holds; 0: for all."""
        if self._local is None:
            return 0
        configuration = self._network.configuration
        return 1 if configuration.upsampling == "transposed" else configuration.samples_per_frame

    @torch.no_grad()
    def rows(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Return rows (streams, rows, layers, 2 · gate), and which of them each sample has.

        The latter (count,) for the samples from `start` on.
        """
        if self._local is None:
            return self._constant[:, None], torch.zeros(count, dtype=torch.int64)
        known = self.samples
        if known is not None and start + count > known:
            raise InputError(f"local: stands for {known} samples, {start + count} are asked for")
        each = self._network.configuration.samples_per_frame
        first, last = start // each, -(-(start + count) // each)
        series = self._local[..., first:last]
        row_of_sample = (start + torch.arange(count)) // each - first
        if self._network.configuration.upsampling == "transposed":
            upsampled = self._network.upsample(series)
            assert upsampled is not None
            series = upsampled[..., start - first * each :][..., :count]
            row_of_sample = torch.arange(count)
        streams, layers, both = self._constant.shape
        of_local = torch.einsum("oc,nct->nto", self._of_local, series)
        rows = of_local.reshape(streams, -1, layers, both) + self._constant[:, None]
        return rows, row_of_sample


def _for_streams(name: str, given: Tensor, dimensions: int, streams: int) -> Tensor:
    """Return `given` with a row for each stream, which it has already or which are alike."""
    if given.dim() == dimensions:
        given = given.expand(streams, *given.shape)
    if given.dim() != dimensions + 1 or len(given) != streams:
        raise InputError(f"{name}: one for each of {streams} streams is needed, or one for all")
    return given
