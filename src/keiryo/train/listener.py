"""The listener of a training: it hears of the progress, and may ask to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from keiryo.records.training import Epoch


@dataclass(frozen=True)
class TrainingProgress:
    """The progress of a training: the `share` of its budget, from 0 to 1, and `epoch`, from 1."""

    share: float
    epoch: int
    examples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class TrainingListener:
    """Functions that a training calls.

    It calls `on_progress` after a step, `on_evaluation` before an evaluation, with the seconds that
    it is expected to take (0: not known), `on_epoch` after an epoch, and `wants_stop` to ask
    whether to stop. By default they do nothing and never stop it.
    """

    on_progress: Callable[[TrainingProgress], None] = lambda progress: None
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    wants_stop: Callable[[], bool] = lambda: False
    on_evaluation: Callable[[float], None] = lambda seconds: None
