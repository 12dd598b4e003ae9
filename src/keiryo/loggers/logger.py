"""The base of all loggers, which orders events by trial and never ends a training."""

import importlib
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import TrialPlan, read_plan
from keiryo.errors import InputError
from keiryo.loggers.figures import hyperparameters
from keiryo.models.saved import MODEL_FILE
from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary
from keiryo.records.training import Epoch

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.trial.process import TrialReport

# The pause after a tracker failed, since the training waits for each attempt.
SECONDS_BETWEEN_ATTEMPTS = 60.0


@dataclass(frozen=True)
class LoggedEpoch:
    """An epoch with the time of its end, in seconds since 1970."""

    epoch: Epoch
    ended_at: float


class Logger(Listener, ABC):
    """Base class of the loggers: a listener that makes a run for each trial.

    If a tracker raises an error, the logger warns once on standard error, and the training
    continues. Missing figures are logged with the next epochs or at the trial's end.
    """

    name: ClassVar[str]

    def __init__(self, out: Path) -> None:
        self.out = out
        self._data: DataSummary | None = None
        self._trial: TrialPlan | None = None
        self._epochs: list[LoggedEpoch] = []
        self._just_told: list[Epoch] = []
        self._next_attempt = 0.0
        self._has_warned = False

    @abstractmethod
    def log_epochs(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch]) -> None:
        """Log those of `epochs`, all of the trial so far, that the run of `trial` lacks."""

    @abstractmethod
    def log_end(self, trial: TrialPlan, epochs: Sequence[LoggedEpoch], record: Trial) -> None:
        """Log missing epochs and the trial's record, and close its run."""

    @abstractmethod
    def let_go(self) -> None:
        """Release the open run, after an error or at a trial's end."""

    def hyperparameters(self, trial: TrialPlan) -> dict[str, str | int | float]:
        """Return the settings of `trial`."""
        return hyperparameters(read_plan(self.out), trial, self._data)

    def data_ready(self, data: DataSummary) -> None:
        self._data = data

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        self._trial, self._epochs, self._just_told = trial, [], []

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        if report.epoch is not None:
            self._just_told.append(report.epoch)
        elif self._just_told:
            # A continued trial reports all its epochs at once, and then its progress.
            self._epochs += _with_times(self._just_told, time.time())
            self._just_told = []
            if time.monotonic() >= self._next_attempt:
                self.attempt(lambda: self.log_epochs(trial, self._epochs))

    def trial_paused(self, trial: Trial) -> None:
        self._add_missing(trial)
        planned = self._trial
        if planned is not None and self._epochs:
            self.attempt(lambda: self.log_epochs(planned, self._epochs))
        self.let_go()

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        self._trial, self._epochs, self._just_told = planned, [], []
        self.trial_finished(trial)

    def latency_measured(self, planned: "TrialPlan", trial: Trial) -> None:
        self.trial_dropped(planned, trial)  # the record is logged again, with its latency

    def trial_finished(self, trial: Trial) -> None:
        self._add_missing(trial)
        planned = self._trial
        if planned is None or self.attempt(lambda: self.log_end(planned, self._epochs, trial)):
            self.let_go()

    def attempt(self, action: Callable[[], object]) -> bool:
        """Run `action` and return whether it succeeded; warn of the first failure."""
        try:
            action()
        except Exception as error:  # each tracker raises errors of its own
            self._next_attempt = time.monotonic() + SECONDS_BETWEEN_ATTEMPTS
            self.let_go()
            if not self._has_warned:
                self._has_warned = True
                print(
                    f"keiryo: --log {self.name}: {first_line(error)}; the training continues. "
                    "What is missing is logged when it works again, or by --resume with --log",
                    file=sys.stderr,
                )
            return False
        return True

    def _add_missing(self, trial: Trial) -> None:
        # A trial that was done before a resume has reported nothing.
        known = {logged.epoch.epoch for logged in self._epochs}
        missing = [epoch for epoch in trial.history if epoch.epoch not in known]
        self._epochs += _with_times(missing, self._ended_at(trial))

    def _ended_at(self, trial: Trial) -> float:
        try:
            return (self.out / trial.folder / MODEL_FILE).stat().st_mtime
        except OSError:
            return time.time()


def import_extra(extra: str, *modules: str) -> None:
    """Import the `modules` of the logger `extra`; raise InputError if one is not installed."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            absent = f"{error.name} is not installed" if error.name else first_line(error)
            raise InputError(f"--log {extra}: {absent}; pip install 'keiryo[{extra}]'") from None


def first_line(error: BaseException) -> str:
    """Return the message of `error` in one line of bounded length, without passwords."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return without_password(line)[:300]


def without_password(text: str) -> str:
    """Return `text` with `http://user:password@host` in it as `http://host`."""
    return re.sub(r"://[^/@\s]+@", "://", text)


def _with_times(epochs: Sequence[Epoch], last_ended_at: float) -> list[LoggedEpoch]:
    logged: list[LoggedEpoch] = []
    for epoch in reversed(epochs):
        logged.append(LoggedEpoch(epoch, last_ended_at))
        last_ended_at -= epoch.seconds
    return logged[::-1]
