"""Generation on the processor by a compiled loop, with a step for each sample."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from torch import Tensor

from keiryo.audio.generation.condition_rows import Conditions
from keiryo.audio.generation.layer_weights import WeightKind
from keiryo.audio.generation.packed_weights import PackedWeights, pack, pad_filter_and_gate
from keiryo.audio.generation.sampling import Sampling, check_sampling, draws_per_sample
from keiryo.audio.generation.stepper import Steps, check_drawn, first_samples
from keiryo.errors import InputError
from keiryo.kernels import wavenet_loop as kernels
from keiryo.kernels.openmp import call
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.nn.logistics import least_log_scale

# The most memory that the conditions of one call may take.
CONDITION_BYTES = 32 * 2**20


class CompiledStepper:
    """Streams of samples from `network` (`keiryo.kernels.wavenet_loop`).

    Weights are float32, or rounded to int8 with a scale for each row; int8 needs a quarter of
    the memory and half of the instructions (`round_to_int8` shows the loss in quality). Streams
    are divided among `threads`; those of one thread share each weight that is read. labels and
    local are as in `Conditions`. Raises InputError if arguments do not fit the network.
    """

    def __init__(
        self,
        network: WaveNet,
        *,
        streams: int = 1,
        labels: Tensor | None = None,
        local: Tensor | None = None,
        sampling: Sampling | None = None,
        weights: WeightKind = "float32",
        threads: int = 1,
    ) -> None:
        if streams < 1 or threads < 1:
            raise InputError("streams and threads: must be at least 1")
        self._configuration = network.configuration
        self._sampling = sampling or Sampling()
        check_sampling(self._sampling, self._configuration)
        self._conditions = Conditions(network, streams, labels, local)
        self._weights = pack(network, weights)
        self._streams = streams
        bounds = [streams * share // threads for share in range(threads + 1)]
        self._groups = [
            _Group(self._configuration, self._weights, first, last)
            for first, last in pairwise(bounds)
            if last > first
        ]
        self._position = 0

    def advance(
        self, draws: np.ndarray, given: np.ndarray | None = None, *, keep_outputs: bool = False
    ) -> Steps:
        """Make further samples, as `Stepper.advance` says."""
        samples, count = first_samples(given, self._streams, draws.shape[1])
        outputs = None
        if keep_outputs:
            outputs = np.zeros((*samples.shape, self._configuration.output_channels), np.float32)
        at, steps = 0, samples.shape[1]
        while at < steps:
            piece = slice(at, min(steps, at + self._most_steps()))
            self._advance(draws[:, piece], samples[:, piece], max(0, count - at), outputs, piece)
            at = piece.stop
        check_drawn(samples, self._configuration)
        return Steps(samples, outputs)

    def _most_steps(self) -> int:
        each = self._conditions.samples_per_row
        if each == 0:
            return 2**30
        row_bytes = 4 * self._streams * self._weights.layers * 2 * self._weights.gate
        return each * max(1, CONDITION_BYTES // row_bytes)

    def _advance(
        self,
        draws: np.ndarray,
        samples: np.ndarray,
        given: int,
        outputs: np.ndarray | None,
        piece: slice,
    ) -> None:
        steps = samples.shape[1]
        rows, row_of_step = self._conditions.rows(self._position, steps)
        rows = pad_filter_and_gate(rows.numpy(), self._weights.gate)
        settings = np.array(
            (
                self._sampling.temperature,
                self._sampling.top_p,
                least_log_scale(self._configuration.levels),
            )
        )

        def run_group(group: _Group) -> None:
            own = slice(group.first, group.last)
            done, kept = group.advance(
                draws[own], samples[own], min(given, steps), rows[own], row_of_step.numpy(),
                settings, keeps_outputs=outputs is not None,
            )  # fmt: skip
            samples[own] = done
            if outputs is not None:
                outputs[own, piece] = kept[..., : outputs.shape[-1]]

        if len(self._groups) == 1:
            run_group(self._groups[0])
        else:
            # Kernels release the interpreter's lock while they run.
            with ThreadPoolExecutor(len(self._groups)) as threads:
                list(threads.map(run_group, self._groups))
        self._position += steps


class _Group:
    """The streams that one thread computes: their rings and their last samples."""

    def __init__(
        self, configuration: WaveNetConfiguration, weights: PackedWeights, first: int, last: int
    ) -> None:
        self.first, self.last = first, last
        self._configuration, self._weights = configuration, weights
        streams, taps = last - first, configuration.kernel_size
        self._dilations = np.array(configuration.dilations, np.int64)
        self._ring_slots = int((taps - 1) * self._dilations.sum())
        self._positions = np.zeros(len(self._dilations), np.int64)
        self._rings = np.zeros((self._ring_slots, streams, weights.residual), np.float32)
        # Before the first sample there is no code (-1), or silence if samples are numbers.
        nothing = -1 if configuration.output == "softmax" else 0
        self._history = np.full((streams, taps), nothing, np.float32)

    def advance(
        self, draws: np.ndarray, samples: np.ndarray, given: int, conditions: np.ndarray,
        row_of_step: np.ndarray, settings: np.ndarray, *, keeps_outputs: bool,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return samples (streams, steps) and the kept outputs, of no step or of all."""
        configuration, weights = self._configuration, self._weights
        streams, steps = samples.shape
        is_softmax = configuration.output == "softmax"
        kept_steps = steps if keeps_outputs else 0
        samples = np.ascontiguousarray(samples)
        kept = np.empty((streams, kept_steps, weights.outputs), np.float32)
        sizes: dict[str, int] = {
            "steps": steps,
            "given": given,
            "streams": streams,
            "layers": weights.layers,
            "taps": configuration.kernel_size,
            "residual": weights.residual,
            "gate": weights.gate,
            "skip": weights.skip,
            "outputs": weights.outputs,
            "codes": configuration.levels if is_softmax else 0,
            "mixtures": configuration.mixtures,
            "levels": configuration.levels,
            "rows": conditions.shape[1],
            "ring_slots": self._ring_slots,
            "draws": draws_per_sample(configuration),
            "keeps_outputs": int(keeps_outputs),
            "weights": weights.values.size,
        }
        arrays: dict[str, np.ndarray] = {
            "weight_values": weights.values,
            "scales": weights.scales,
            "biases": weights.biases,
            "head_biases": weights.head_biases,
            "table": weights.table,
            "dilations": self._dilations,
            "positions": self._positions,
            "rings": self._rings,
            "history": self._history,
            "conditions": np.ascontiguousarray(conditions),
            "row_of_step": np.ascontiguousarray(row_of_step),
            "drawn": np.ascontiguousarray(draws, dtype=np.float64),
            "settings": settings,
            "samples": samples,
            "kept": kept,
        }
        kernel = kernels.generate(weights.values.dtype.type)
        call(
            kernel,
            *(sizes[name] for name in kernels.SIZES),
            *(arrays[name] for name in kernels.ARRAYS),
        )
        return samples, kept
