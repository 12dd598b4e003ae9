"""Listeners of a comparison, which show or log its events."""

from functools import partial
from typing import TYPE_CHECKING

from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import TrialPlan
    from keiryo.comparison.trial.process import TrialReport


class Listener:
    """Base class: it hears of every event and does nothing."""

    def downloading(self, done: int, total: int | None) -> None:
        """`done` of `total` bytes of a published set are downloaded."""

    def packing(self, done: int, total: int) -> None:
        """`done` of `total` images are decoded."""

    def data_ready(self, data: DataSummary) -> None:
        """The images are packed, split and audited."""

    def rung_started(self, share: float, candidates: int) -> None:
        """With --stop-early: `candidates` are trained to `share`, from 0 to 1, and compared.

        The next rung calls it again with the number of those that continue.
        """

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        """Trial `number`, from 0, of `total` begins."""

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        """The running trial reports its progress or an epoch."""

    def trial_paused(self, trial: Trial) -> None:
        """The running trial reached its rung; it may continue later."""

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        """The trial `planned`, which was paused, will not continue."""

    def trial_finished(self, trial: Trial) -> None:
        """A trial's training ended: done, failed or stopped. Its latency is measured later."""

    def measuring(self, done: int, total: int) -> None:
        """Latencies are being measured: `done` of about `total` passes are made."""

    def latency_measured(self, planned: "TrialPlan", trial: Trial) -> None:
        """The record of the finished trial `planned` has its latency, or the error instead."""


class Listeners(Listener):
    """Passes each event to several listeners, in their order."""

    def __init__(self, *listeners: Listener) -> None:
        def tell_all(event: str, *arguments: object) -> None:
            for listener in listeners:
                getattr(listener, event)(*arguments)

        for event in vars(Listener):
            if not event.startswith("_"):
                setattr(self, event, partial(tell_all, event))
