"""The time that is left of a whole comparison, estimated while its trials run."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import Plan, TrialPlan
    from keiryo.records.costs import Cost


class TimeLeft:
    """An estimate that learns from the trials that ran.

    With --minutes each training takes that long. With --epochs, trainings of one model and recipe
    take alike, and others in proportion to their multiply-accumulates. With --stop-early nothing is
    known, since it drops trials.
    """

    def __init__(self, plan: "Plan", costs: Mapping[str, "Cost | None"]) -> None:
        self._is_known = not plan.stop_early
        self._minutes = plan.minutes
        self._macs = {model: cost.macs for model, cost in costs.items() if cost and cost.macs}
        self._waiting = list(plan.trials())
        # Of a whole training: by candidate, and all per multiply-accumulate.
        self._seconds: dict[str, float] = {}
        self._macs_of: dict[str, int] = {}
        self._running: TrialPlan | None = None
        self._began = 0.0

    def begin(self, trial: "TrialPlan") -> None:
        """Count `trial` as running."""
        self._running, self._began = trial, time.monotonic()
        self.drop(trial)

    def drop(self, trial: "TrialPlan") -> None:
        """Count `trial` as no longer waiting."""
        self._waiting = [one for one in self._waiting if one.folder != trial.folder]

    def estimate(self, seconds_left: float) -> float | None:
        """Return the seconds left of all trials, if the running one has `seconds_left`; or None."""
        if not self._is_known or self._running is None or not self._waiting:
            return None
        if self._minutes is not None:
            return seconds_left + 60 * self._minutes * len(self._waiting)
        candidate, model = self._running.record.candidate, self._running.model
        self._seconds[candidate] = time.monotonic() - self._began + seconds_left
        if model in self._macs:
            self._macs_of[candidate] = self._macs[model]
        total = seconds_left
        for trial in self._waiting:
            seconds = self._seconds.get(trial.record.candidate) or self._by_macs(trial.model)
            if seconds is None:
                return None
            total += seconds
        return total

    def _by_macs(self, model: str) -> float | None:
        macs = sum(self._macs_of.values())
        if model not in self._macs or not macs:
            return None
        seconds = sum(self._seconds[candidate] for candidate in self._macs_of)
        return seconds * self._macs[model] / macs
