"""The time that is left of a training, estimated from its steps so far."""

import math
from collections.abc import Callable

from keiryo.train.budget import Budget
from keiryo.train.checkpoint import Position

# The cost of a step changes slowly over a training: it is added up at so many places.
PLACES = 16


class RemainingTime:
    """An estimate that learns from the steps of this process.

    `cost` gives the time of a step at a share of the budget, relative to that of the last step: the
    first epochs are faster than the last where images grow. The first step of a process takes far
    longer than the others, so it does not count if there are others.
    """

    def __init__(self, budget: Budget, cost: Callable[[float], float]) -> None:
        self._budget = budget
        self._cost = cost
        self._first_step: tuple[float, float] | None = None

    def note_step(self, position: Position, share: float) -> None:
        """Note that a step ended at `position`, the share `share` of the budget."""
        if self._first_step is None:
            self._first_step = position.training_seconds, share

    def seconds(
        self, position: Position, share: float, *, until: float, evaluation_seconds: float
    ) -> float:
        """Return the seconds left to the share `until`, if the last evaluation takes so many."""
        if self._budget.epochs is None or not share:
            return position.seconds * max(0.0, until - share) / max(share, 1e-9)
        trained, begun = self._first_step or (0.0, 0.0)
        if share <= begun:
            trained, begun = 0.0, 0.0
        rate = (position.training_seconds - trained) / max(self._work(begun, share), 1e-9)
        left = self._work(share, until)
        evaluations = math.ceil(until * self._budget.epochs) - position.epoch
        mean_cost = left / max(until - share, 1e-9)
        return rate * left + max(0, evaluations) * evaluation_seconds * min(1.0, mean_cost or 1.0)

    def _work(self, begin: float, end: float) -> float:
        """Return the work between two shares; that of a whole training at full cost is 1."""
        width = max(0.0, end - begin) / PLACES
        return width * sum(self._cost(begin + (n + 0.5) * width) for n in range(PLACES))
