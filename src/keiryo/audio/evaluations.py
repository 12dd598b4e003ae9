"""The evaluations of a WaveNet's training: their extents, and the bits per sample at its end.

An evaluation covers part of the samples, evenly over all conditions, so that it takes little of the
time and a budget of minutes ends on time.
"""

import math
from collections.abc import Callable

import numpy as np
from torch import nn

from keiryo.audio.plan import WaveNetPlan
from keiryo.audio.training.evaluation import Extent, Likelihood
from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.audio.training.task import WaveNetTask
from keiryo.recordings.chunks import Chunks
from keiryo.records.wavenet import WaveNetTraining

# Held-out samples evaluated after each epoch: at least so many, or this share of the training ones.
# A training step costs three times as much per sample, so evaluation takes little of the time.
FEWEST_EVALUATED = 50_000
EVALUATED_SHARE = 0.05
# Shares of a budget of minutes: an evaluation after an epoch takes at most so much; this is kept
# back for the evaluations at the end.
EPOCH_EVALUATION_SHARE = 0.05
LAST_EVALUATIONS_SHARE = 0.12
# Of the time for the last evaluations: held-out recordings, with the conditions of others as well,
# and training recordings.
HELD_OUT_PART = 0.7
# The same chunks are evaluated in every training of the same recordings.
EVALUATION_SEED = 0


class Evaluations:
    """The evaluations of a training by `plan` on the chunks `trained`, and on those `held_out`.

    Each asks before every batch whether it `stops`.
    """

    def __init__(
        self, plan: WaveNetPlan, trained: Chunks, held_out: Chunks, stops: Callable[[], bool]
    ) -> None:
        self._plan, self._trained, self._held_out = plan, trained, held_out
        self._stops = stops
        self._enough = max(FEWEST_EVALUATED, round(EVALUATED_SHARE * trained.targets))

    @property
    def seconds_at_end(self) -> float:
        """The seconds that the evaluations at the end may take; 0: as long as they take."""
        return self._plan.seconds(LAST_EVALUATIONS_SHARE) or 0.0

    def after_epoch(self) -> Extent:
        """Return the extent of the evaluation after each epoch."""
        some = self._held_out.spread(self._enough, seed=EVALUATION_SEED)
        return self._extent(EPOCH_EVALUATION_SHARE, some)

    def measure_at_end(
        self, task: WaveNetTask, network: nn.Module, record: WaveNetTraining
    ) -> None:
        """Measure the bits per sample of the trained `network`, and note them in `record`.

        Raises EvaluationStoppedError if it is stopped; `record` is then as before.
        """
        in_order = self._held_out.spread_order(seed=EVALUATION_SEED)
        some = self._trained.spread(self._enough, seed=EVALUATION_SEED)
        share = LAST_EVALUATIONS_SHARE
        found = task.likelihood(
            network,
            self._held_out,
            self._extent(share * HELD_OUT_PART, in_order),
            confused_samples=self._enough if record.data.conditions else 0,
        )
        on_training = task.likelihood(
            network, self._trained, self._extent(share * (1 - HELD_OUT_PART), some)
        )
        record.val_bits_per_sample = found.bits_per_sample
        record.val_bits_standard_error = _error_bits(found)
        record.val_samples = found.samples
        record.held_out_samples = self._held_out.targets
        record.train_bits_per_sample = on_training.bits_per_sample
        record.train_bits_standard_error = _error_bits(on_training)
        if found.rise is not None:
            record.conditions_save_bits_per_sample = found.rise / NATS_PER_BIT

    def _extent(self, share: float, numbers: np.ndarray) -> Extent:
        """Return an extent over the chunks `numbers`, to this share of a budget of minutes."""
        return Extent(numbers, self._plan.seconds(share), self._stops)


def _error_bits(found: Likelihood) -> float | None:
    error = found.standard_error / NATS_PER_BIT
    return error if math.isfinite(error) else None
