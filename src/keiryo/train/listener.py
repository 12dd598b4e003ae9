"""Who is told how a training goes, and may ask it to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from keiryo.records.training import Epoch


@dataclass(frozen=True)
class Progress:
    """Where a training is, for whoever watches it."""

    share: float
    epoch: int
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Watcher:
    """Who is told how the training goes, and may ask it to stop."""

    on_progress: Callable[[Progress], None] = lambda progress: None
    on_epoch: Callable[[Epoch], None] = lambda epoch: None
    wants_stop: Callable[[], bool] = lambda: False
