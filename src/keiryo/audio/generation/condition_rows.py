"""The sums that labels and a local series add to the gated units, computed before generation."""

import torch
from torch import Tensor
from torch.nn import functional

from keiryo.errors import InputError
from keiryo.models.wavenet import WaveNet


class Conditions:
    """V h + bias of every layer (van den Oord et al. 2016, section 2.5), as rows.

    labels (streams, number of labels), or (number of labels,) for all streams; local
    (streams, local channels, frames) or (local channels, frames). They are computed on the
    processor in double precision, so that they do not depend on the number of rows computed at
    a time.
    """

    @torch.no_grad()
    def __init__(
        self, network: WaveNet, streams: int, labels: Tensor | None, local: Tensor | None
    ) -> None:
        self._configuration = configuration = network.configuration
        if labels is not None:
            labels = _for_streams("labels", labels.cpu(), 1, streams)
            for values, column in zip(configuration.labels, labels.T, strict=False):
                if not (int(column.min()) >= 0 and int(column.max()) < values):
                    raise InputError(f"labels: must be from 0 to {values - 1}")
            labels = labels.to(network.output.weight.device)
        embedded = network.embed(labels)
        if local is not None:
            local = _for_streams("local", local.cpu(), 2, streams).double()
        if (0 if local is None else local.shape[1]) != configuration.local_channels:
            raise InputError(f"local: {configuration.local_channels} channels are needed")
        self._local = local
        parts = []
        for layer in network.units:
            part = torch.zeros(streams, 2 * configuration.gate_channels, dtype=torch.float64)
            if layer.filter_gate.bias is not None:
                part += _double(layer.filter_gate.bias)
            if embedded is not None:
                part += _double(embedded) @ _double(layer.of_global.weight).T
            parts.append(part)
        self._constant = torch.stack(parts, dim=1)  # (streams, layers, 2 · gate)
        if local is not None:
            of_local = [_double(layer.of_local.weight)[..., 0] for layer in network.units]
            self._of_local = torch.cat(of_local)
            if configuration.upsampling == "transposed":
                bias = network.upsampling.bias
                assert bias is not None
                self._upsampling = _double(network.upsampling.weight), _double(bias)

    @property
    def samples(self) -> int | None:
        """The number of samples that there are conditions for; None: any number."""
        if self._local is None:
            return None
        return self._local.shape[-1] * self._configuration.samples_per_frame

    @property
    def samples_per_row(self) -> int:
        """The number of samples that a row is for; 0: for all."""
        if self._local is None:
            return 0
        is_transposed = self._configuration.upsampling == "transposed"
        return 1 if is_transposed else self._configuration.samples_per_frame

    @torch.no_grad()
    def rows(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Return rows (streams, rows, layers, 2 · gate), and the number of each sample's row.

        The numbers (count,) are for the samples from `start` on. Raises InputError past the end
        of the series.
        """
        if self._local is None:
            return self._constant[:, None].float(), torch.zeros(count, dtype=torch.int64)
        known = self.samples
        if known is not None and start + count > known:
            raise InputError(f"local: is for {known} samples, {start + count} are asked for")
        each = self._configuration.samples_per_frame
        first, last = start // each, -(-(start + count) // each)
        series = self._local[..., first:last]
        row_of_sample = (start + torch.arange(count)) // each - first
        if self._configuration.upsampling == "transposed":
            series = functional.conv_transpose1d(series, *self._upsampling, stride=each)
            series = series[..., start - first * each :][..., :count]
            row_of_sample = torch.arange(count)
        streams, layers, both = self._constant.shape
        of_local = torch.einsum("oc,nct->nto", self._of_local, series)
        rows = of_local.reshape(streams, -1, layers, both) + self._constant[:, None]
        return rows.float(), row_of_sample


def _for_streams(name: str, given: Tensor, dimensions: int, streams: int) -> Tensor:
    """Return `given` with a row for each stream; if it has none, all streams get the same."""
    if given.dim() == dimensions:
        given = given.expand(streams, *given.shape)
    if given.dim() != dimensions + 1 or len(given) != streams:
        raise InputError(f"{name}: one for each of {streams} streams is needed, or one for all")
    return given


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().double()
