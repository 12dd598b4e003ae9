"""One step of a WaveNet as a module without memory: its state is an input and an output."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from keiryo.audio.generation.layer_weights import extract_weights
from keiryo.models.wavenet import WaveNet

NO_CODE = -1


class WaveNetStep(nn.Module):
    """The step of `network`; it keeps nothing between calls.

    `sample` (N,) is the previous sample: a code, int64, -1 before the first; for a mixture a
    number, float32, 0 before the first. `state` (N, state elements), zeros before the first.
    `labels` (N, number of labels), int64. `local` (N, local channels) is the upsampled series
    at the predicted sample. Returns outputs (N, output channels) for that sample, and the state.
    """

    def __init__(self, network: WaveNet) -> None:
        super().__init__()
        self.configuration = configuration = network.configuration
        weights = extract_weights(network)
        self._taps = configuration.kernel_size
        # The first row is for "no code".
        table = torch.from_numpy(weights.input.transpose(2, 1, 0).copy())
        if configuration.output == "softmax":
            table = functional.pad(table, (0, 0, 1, 0))
        self.register_buffer("table", table)
        self.register_buffer("input_bias", torch.from_numpy(weights.input_bias))
        for index, layer in enumerate(weights.layers):
            taps_last = layer.filter_gate.transpose(2, 1, 0)
            both = np.concatenate((layer.residual, layer.skip)).T
            bias = np.concatenate((layer.residual_bias, layer.skip_bias))
            self._put(f"filter_gate_{index}", taps_last.reshape(-1, taps_last.shape[-1]))
            self._put(f"both_{index}", both)
            self._put(f"both_bias_{index}", bias)
        for name in ("hidden", "hidden_bias", "output", "output_bias"):
            self._put(name, getattr(weights, name).T)
        self.embeddings = network.embeddings
        self._put_conditions(network)

    @property
    def state_elements(self) -> int:
        """The number of elements of each stream's state."""
        slots = sum(self.configuration.dilations) * (self._taps - 1)
        return self._taps - 1 + slots * self.configuration.residual_channels

    def first_inputs(self, streams: int, labels: Sequence[int]) -> dict[str, Tensor]:
        """Return the inputs of the first step of `streams` streams, by name; `local` is zero."""
        configuration = self.configuration
        is_code = configuration.output == "softmax"
        inputs = {
            "sample": torch.full((streams,), NO_CODE) if is_code else torch.zeros(streams),
            "state": torch.zeros(streams, self.state_elements),
        }
        if configuration.labels:
            inputs["labels"] = torch.tensor(list(labels)).expand(streams, -1).contiguous()
        if configuration.local_channels:
            inputs["local"] = torch.zeros(streams, configuration.local_channels)
        return inputs

    def forward(
        self,
        sample: Tensor,
        state: Tensor,
        labels: Tensor | None = None,
        local: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        configuration = self.configuration
        # Sizes as numbers, not read off tensors: the exporter would compute those at every step.
        channels, gates = configuration.residual_channels, configuration.gate_channels
        earlier = self._taps - 1
        newest = sample.float() + 1 if configuration.output == "softmax" else sample
        history = torch.cat((state[:, :earlier], newest[:, None]), dim=1)
        new_state, at = [history[:, 1:]], earlier
        x = self._input_convolution(history)
        conditions = self._condition_sums(labels, local)
        skips = torch.zeros(1, configuration.skip_channels)
        for index, dilation in enumerate(configuration.dilations):
            row = dilation * channels
            heard = torch.cat((state[:, at : at + earlier * row], x), dim=1)
            at += earlier * row
            new_state.append(heard[:, channels:])
            taps = [heard[:, tap * row : tap * row + channels] for tap in range(earlier)]
            pair = torch.cat((*taps, x), dim=1) @ self.get_buffer(f"filter_gate_{index}")
            filtered, gate = (pair + conditions[index]).split(gates, dim=1)
            z = torch.tanh(filtered) * torch.sigmoid(gate)
            sums = torch.addmm(
                self.get_buffer(f"both_bias_{index}"), z, self.get_buffer(f"both_{index}")
            )
            x = x + sums[:, :channels]
            skips = skips + sums[:, channels:]
        last = torch.addmm(
            self.get_buffer("hidden_bias"), skips.relu(), self.get_buffer("hidden")
        ).relu()
        outputs = torch.addmm(self.get_buffer("output_bias"), last, self.get_buffer("output"))
        return outputs, torch.cat(new_state, dim=1)

    def _put(self, name: str, values: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(values)))

    def _put_conditions(self, network: WaveNet) -> None:
        """Concatenate the conditions' weights of all layers, so that they are one product."""
        both = 2 * self.configuration.gate_channels
        parts: dict[str, list[Tensor]] = {"bias": [], "of_global": [], "of_local": []}
        for layer in network.units:
            bias = layer.filter_gate.bias
            parts["bias"].append(torch.zeros(both) if bias is None else bias.detach())
            if self.configuration.labels:
                parts["of_global"].append(layer.of_global.weight.detach())
            if self.configuration.local_channels:
                parts["of_local"].append(layer.of_local.weight.detach()[..., 0])
        for name, tensors in parts.items():
            if tensors:
                self._put(f"condition_{name}", torch.cat(tensors).numpy().T)

    def _input_convolution(self, history: Tensor) -> Tensor:
        """Return the input convolution of the last samples, (N, residual channels)."""
        table = self.get_buffer("table")
        x = self.get_buffer("input_bias")
        for tap in range(self._taps):
            if self.configuration.output == "softmax":
                x = x + functional.embedding(history[:, tap].long(), table[tap])
            else:
                x = x + history[:, tap : tap + 1] * table[tap]
        return x

    def _condition_sums(self, labels: Tensor | None, local: Tensor | None) -> tuple[Tensor, ...]:
        """Return the sums of conditions for each layer, each (N or 1, 2 · gate channels)."""
        total = self.get_buffer("condition_bias")[None]
        if labels is not None:
            parts = [embed(labels[:, index]) for index, embed in enumerate(self.embeddings)]
            total = total + torch.cat(parts, dim=1) @ self.get_buffer("condition_of_global")
        if local is not None:
            total = total + local @ self.get_buffer("condition_of_local")
        return total.split(2 * self.configuration.gate_channels, dim=1)
