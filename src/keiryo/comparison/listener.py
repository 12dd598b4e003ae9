"""Who is told how a comparison goes."""

from typing import TYPE_CHECKING

from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import TrialPlan
    from keiryo.comparison.trial.process import TrialReport


class Listener:
    """Told of every event and does nothing; to be derived from by whoever shows something."""

    def downloading(self, done: int, total: int | None) -> None:
        """So many bytes of a published set have come, of so many."""

    def packing(self, done: int, total: int) -> None:
        """So many images are decoded, of so many."""

    def data_ready(self, data: DataSummary) -> None:
        """The images are packed, split and audited."""

    def rung_started(self, share: float, candidates: int) -> None:
        """With --stop-early: so many candidates are trained to `share`, from 0 to 1, and compared.

        Those that go on are told of again at the next rung.
        """

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        """Trial `number`, from 0, of `total` begins."""

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        """The running trial says how far it is."""

    def trial_paused(self, trial: Trial) -> None:
        """The trial that was started came to its rung, and may go on later."""

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        """The trial `planned`, which was paused, will not go on."""

    def trial_finished(self, trial: Trial) -> None:
        """A trial ended, one way or another."""


class Listeners(Listener):
    """Tells several listeners what it is told, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def downloading(self, done: int, total: int | None) -> None:
        for listener in self._listeners:
            listener.downloading(done, total)

    def packing(self, done: int, total: int) -> None:
        for listener in self._listeners:
            listener.packing(done, total)

    def data_ready(self, data: DataSummary) -> None:
        for listener in self._listeners:
            listener.data_ready(data)

    def rung_started(self, share: float, candidates: int) -> None:
        for listener in self._listeners:
            listener.rung_started(share, candidates)

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        for listener in self._listeners:
            listener.trial_started(trial, number, total)

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        for listener in self._listeners:
            listener.trial_reported(trial, report)

    def trial_paused(self, trial: Trial) -> None:
        for listener in self._listeners:
            listener.trial_paused(trial)

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        for listener in self._listeners:
            listener.trial_dropped(planned, trial)

    def trial_finished(self, trial: Trial) -> None:
        for listener in self._listeners:
            listener.trial_finished(trial)
