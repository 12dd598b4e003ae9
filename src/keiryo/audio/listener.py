"""The listener of a WaveNet's training: it hears of all that happens, and may ask to stop."""

from keiryo.records.wavenet import (
    NetworkSummary,
    RecordingsSummary,
    Sound,
    WaveNetEpoch,
    WaveNetTraining,
)
from keiryo.train.listener import TrainingProgress


class WaveNetListener:
    """Base class: it hears of the training's events, does nothing, and never stops it."""

    def packing(self, done: int, total: int) -> None:
        """`done` of `total` recordings are decoded."""

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        """The training begins, of this network on these recordings."""

    def continued(self, steps: int, learning_rate: float) -> None:
        """The training continues after so many steps, at this learning rate."""

    def progressed(self, progress: TrainingProgress) -> None:
        """A step was made."""

    def evaluating(self, seconds: float) -> None:
        """An evaluation begins that is expected to take so many seconds; 0: not known."""

    def compiling(self) -> None:
        """Kernels are compiled, which takes some 15 s, once on each machine."""

    def generating(self) -> None:
        """The sounds at the end are generated."""

    def epoch_ended(self, epoch: WaveNetEpoch, sound: Sound | None) -> None:
        """An epoch ended; `sound` was generated after it, if any."""

    def finished(self, training: WaveNetTraining) -> None:
        """The training ended, failed or was stopped."""

    def wants_stop(self) -> bool:
        """Return True to stop at the next step."""
        return False
