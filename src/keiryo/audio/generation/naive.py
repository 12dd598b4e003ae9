"""Naive generation: the whole network for every sample."""

import numpy as np
import torch
from torch import Tensor

from keiryo.audio.generation.condition_rows import Conditions
from keiryo.audio.generation.sampling import Sampling, check_sampling, draw
from keiryo.audio.generation.stepper import Steps, check_drawn, first_samples
from keiryo.models.wavenet import WaveNet


class NaiveStepper:
    """Runs `network` over the receptive field once for each sample.

    The other ways to generate are tested against it, in results and speed. labels and local
    are as in `keiryo.audio.generation.condition_rows.Conditions`.
    """

    def __init__(
        self,
        network: WaveNet,
        *,
        streams: int = 1,
        labels: Tensor | None = None,
        local: Tensor | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        self._network = network.eval()
        self._sampling = sampling or Sampling()
        check_sampling(self._sampling, network.configuration)
        Conditions(network, streams, labels, local)  # raises if they do not fit
        if labels is not None:
            labels = labels.expand(streams, -1)
        if local is not None:
            local = local.expand(streams, -1, -1)
        self._labels, self._local, self._streams = labels, local, streams
        self._past = np.zeros((streams, 0), np.float32)

    @torch.inference_mode()
    def advance(
        self, draws: np.ndarray, given: np.ndarray | None = None, *, keep_outputs: bool = False
    ) -> Steps:
        """Make further samples, as `Stepper.advance` says."""
        configuration = self._network.configuration
        new, count = first_samples(given, self._streams, draws.shape[1])
        samples = np.concatenate((self._past, new), axis=1)
        kept = []
        for step in range(new.shape[1]):
            at = self._past.shape[1] + step
            if step < count and not keep_outputs:
                continue
            outputs = self._outputs(samples, at)
            if keep_outputs:
                kept.append(outputs.numpy())
            if step >= count:
                drawn = draw(
                    outputs, torch.from_numpy(draws[:, step]), configuration, self._sampling
                )
                samples[:, at] = drawn.numpy()
                if drawn.isnan().any():
                    break
        new = samples[:, self._past.shape[1] :]
        self._past = samples
        check_drawn(new, configuration)
        return Steps(new, np.stack(kept, axis=1) if keep_outputs else None)

    def _outputs(self, samples: np.ndarray, at: int) -> Tensor:
        """Return the outputs (streams, channels) for the sample at `at`."""
        configuration = self._network.configuration
        # Conditions come in frames, so whole frames are run; samples after `at` change nothing.
        frame = configuration.samples_per_frame if self._local is not None else 1
        first = max(0, at - configuration.receptive_field) // frame
        last = at // frame + 1
        window = np.zeros((len(samples), (last - first) * frame), np.float32)
        known = samples[:, first * frame : at]
        window[:, : known.shape[1]] = known
        x = torch.from_numpy(window)
        x = x.long() if configuration.output == "softmax" else x
        local = None if self._local is None else self._local[..., first:last]
        return self._network(x, self._labels, local)[..., at - first * frame]
