"""Generation in PyTorch with a ring buffer for each layer.

Le Paine et al. 2016, "Fast Wavenet Generation Algorithm". Everything that changes from step
to step, the step's number too, is in tensors that are never reallocated. So a GPU can record
the step once and replay it (`keiryo.audio.generation.cuda_graph`).
"""

import numpy as np
import torch
from torch import Tensor

from keiryo.audio.generation.condition_rows import Conditions
from keiryo.audio.generation.layer_weights import extract_weights
from keiryo.audio.generation.sampling import Sampling, check_sampling, draw, draws_per_sample
from keiryo.audio.generation.stepper import Steps, check_drawn, first_samples
from keiryo.models.wavenet import WaveNet

# Number of steps whose conditions and random numbers are in memory at once.
MOST_STEPS = 1024


class BufferedStepper:
    """Streams of samples from `network`, on the network's device.

    labels and local are as in `keiryo.audio.generation.condition_rows.Conditions`.
    """

    @torch.no_grad()
    def __init__(
        self,
        network: WaveNet,
        *,
        streams: int = 1,
        labels: Tensor | None = None,
        local: Tensor | None = None,
        sampling: Sampling | None = None,
        most_steps: int = MOST_STEPS,
    ) -> None:
        self._configuration = configuration = network.configuration
        self._sampling = sampling or Sampling()
        check_sampling(self._sampling, configuration)
        self._conditions = Conditions(network, streams, labels, local)
        self._streams, self._most_steps, self._position = streams, most_steps, 0
        self._device = device = network.output.weight.device
        self._put_weights(network)
        taps = configuration.kernel_size
        lengths = torch.tensor([(taps - 1) * d for d in configuration.dilations], device=device)
        # Each layer's slots to read, the oldest first; that one is written next.
        self._lengths = lengths[:, None]
        ago = torch.arange(taps - 1, device=device)
        self._slots = ago * torch.tensor(configuration.dilations, device=device)[:, None]
        self._slots_of_layer = [(slots, slots[:1]) for slots in self._slots]
        self._rings = [
            torch.zeros(int(length), streams, configuration.residual_channels, device=device)
            for length in lengths
        ]
        # Codes count from 1 here; 0 means no sample, as before the first.
        self._history = torch.zeros(streams, taps, device=device)
        self._put_step_tensors()

    def _put_weights(self, network: WaveNet) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

        weights = extract_weights(network)
        channels, inputs, taps = weights.input.shape
        table = weights.input.transpose(2, 1, 0)  # (taps, inputs, channels)
        if self._configuration.output == "softmax":
            table = np.concatenate((np.zeros((taps, 1, channels), np.float32), table), axis=1)
        self._table = tensor(table.reshape(-1, channels))
        self._first_rows = torch.arange(taps, device=self._device) * (inputs + 1)
        self._input_bias = tensor(weights.input_bias)
        self._layers = [
            (
                tensor(layer.filter_gate.transpose(2, 1, 0).reshape(taps * channels, -1)),
                tensor(np.concatenate((layer.residual, layer.skip)).T),
                tensor(np.concatenate((layer.residual_bias, layer.skip_bias))),
            )
            for layer in weights.layers
        ]
        self._hidden = tensor(weights.hidden_bias), tensor(weights.hidden.T)
        self._output = tensor(weights.output_bias), tensor(weights.output.T)

    def _put_step_tensors(self) -> None:
        """Allocate the tensors that each call of `advance` fills for its steps."""
        configuration, streams, most = self._configuration, self._streams, self._most_steps
        each = self._conditions.samples_per_row
        rows = 1 if each == 0 else most // each + 2
        both = 2 * configuration.gate_channels
        device = self._device
        self._rows = torch.zeros(streams, rows, len(self._layers), both, device=device)
        self._row_of_step = torch.zeros(most, dtype=torch.int64, device=device)
        shape = (streams, most, draws_per_sample(configuration))
        self._drawn = torch.zeros(shape, dtype=torch.float64, device=device)
        self._samples = torch.zeros(streams, most, device=device)
        self._is_given = torch.zeros(most, dtype=torch.bool, device=device)
        self._outputs = torch.zeros(streams, most, configuration.output_channels, device=device)
        self._step_number = torch.zeros(1, dtype=torch.int64, device=device)

    @torch.inference_mode()
    def advance(
        self, draws: np.ndarray, given: np.ndarray | None = None, *, keep_outputs: bool = False
    ) -> Steps:
        """Make further samples, as `Stepper.advance` says."""
        samples, count = first_samples(given, self._streams, draws.shape[1])
        outputs = np.zeros((*samples.shape, self._configuration.output_channels), np.float32)
        for at in range(0, samples.shape[1], self._most_steps):
            piece = slice(at, min(samples.shape[1], at + self._most_steps))
            steps = piece.stop - at
            rows, row_of_step = self._conditions.rows(self._position, steps)
            self._rows[:, : rows.shape[1]] = rows
            self._row_of_step[:steps] = row_of_step.to(self._device)
            self._drawn[:, :steps] = torch.from_numpy(draws[:, piece])
            self._samples[:, :steps] = torch.from_numpy(samples[:, piece])
            self._is_given[:] = torch.arange(self._most_steps) < count - at
            self._step_number.zero_()
            self._run(steps)
            self._position += steps
            samples[:, piece] = self._samples[:, :steps].cpu().numpy()
            if keep_outputs:
                outputs[:, piece] = self._outputs[:, :steps].cpu().numpy()
            check_drawn(samples[:, piece], self._configuration)
        return Steps(samples, outputs if keep_outputs else None)

    def _run(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        """Make one step; everything that it reads and writes is in tensors of this object."""
        number = self._step_number
        row = self._row_of_step.index_select(0, number)
        conditions = self._rows.index_select(1, row)[:, 0].unbind(1)
        if self._configuration.output == "softmax":
            rows = self._history.long() + self._first_rows
            x = torch.nn.functional.embedding(rows, self._table).sum(1) + self._input_bias
        else:
            x = torch.addmm(self._input_bias, self._history, self._table)
        channels = x.shape[1]
        skips = None
        for index, (filter_gate, both, bias) in enumerate(self._layers):
            ring, (slots, oldest) = self._rings[index], self._slots_of_layer[index]
            past = ring.index_select(0, slots)
            ring.index_copy_(0, oldest, x[None])
            inputs = torch.cat((*past.unbind(0), x), dim=1)
            pair = torch.addmm(conditions[index], inputs, filter_gate)
            filtered, gate = pair.chunk(2, dim=1)
            sums = torch.addmm(bias, torch.tanh(filtered) * torch.sigmoid(gate), both)
            x = x + sums[:, :channels]
            skip = sums[:, channels:]
            skips = skip if skips is None else skips + skip
        assert skips is not None
        self._slots.add_(1).remainder_(self._lengths)
        last = torch.addmm(self._hidden[0], skips.relu(), self._hidden[1]).relu()
        outputs = torch.addmm(self._output[0], last, self._output[1])
        self._outputs.index_copy_(1, number, outputs[:, None])
        draws = self._drawn.index_select(1, number)[:, 0]
        sample = draw(outputs, draws, self._configuration, self._sampling)
        given = self._samples.index_select(1, number)[:, 0]
        sample = torch.where(self._is_given.index_select(0, number), given, sample)
        self._samples.index_copy_(1, number, sample[:, None])
        newest = sample.nan_to_num() + 1 if self._configuration.output == "softmax" else sample
        self._history.copy_(torch.cat((self._history[:, 1:], newest[:, None]), dim=1))
        number.add_(1)
