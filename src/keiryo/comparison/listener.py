"""Listeners of a comparison, which show or log its events."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from keiryo.records.comparison import Trial
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import Plan, TrialPlan
    from keiryo.comparison.trial.process import TrialReport


class Listener:
    """Base class: it hears of every event and does nothing."""

    def working(self, activity: str) -> None:
        """Something begins of which it is not known how long it takes, such as `weighing`."""

    def options_chosen(self, options: Mapping[str, int | str], reasons: Mapping[str, str]) -> None:
        """Keiryo chose `options` that were not given, each for a reason, in words."""

    def planned(self, plan: "Plan", costs: Mapping[str, Cost | None], images: int) -> None:
        """The plan was checked, on `images` listed images, and will be carried out.

        `costs` are those of its models; None: the model runs on its device alone.
        """

    def stopping(self) -> None:
        """The user interrupted; the running trial is asked to save and end."""

    def downloading(self, done: int, total: int | None) -> None:
        """`done` of `total` bytes of a published set are downloaded."""

    def packing(self, done: int, total: int) -> None:
        """`done` of `total` images are decoded."""

    def data_ready(self, data: DataSummary) -> None:
        """The images are packed, split and audited."""

    def estimated(self, seconds: Mapping[str, float], total: float) -> None:
        """A few steps were measured: the `seconds` that each candidate's training will take.

        `total` is the time of all that is left to do.
        """

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
