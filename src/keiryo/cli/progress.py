"""The progress of a comparison: a live bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from keiryo.comparison.listener import Listener
from keiryo.records.base import Finding
from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary
from keiryo.records.training import Epoch
from keiryo.report import words

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import TrialPlan
    from keiryo.comparison.trial.process import TrialReport

SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


class Lines:
    """Writes lines to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str, *, style: str | None = None) -> None:
        """Write a line."""
        self._console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    def say_finding(self, finding: Finding) -> None:
        """Write a finding, in the colour of its severity."""
        text = f"  {finding.severity}: {finding.evidence}. {finding.advice}"
        self.say(text, style=SEVERITY_STYLES[finding.severity])


class Bar:
    """A bar at the foot of the terminal, there while work is going on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def show(self, activity: str, share: float, figures: str) -> None:
        """Show how much of an activity is done, from 0 to 1."""
        if self._task is None:
            self._task = self._progress.add_task(f"  {activity}", total=1.0, figures=figures)
        self._progress.update(
            self._task, description=f"  {activity}", completed=share, figures=figures
        )

    def clear(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def open_terminal() -> Iterator[tuple[Console, Bar | None]]:
    """Yield standard error and, if it is a terminal, a bar; leave the terminal as it was."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield console, None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield console, Bar(progress)


class PlainListener(Lines, Listener):
    """Writes a line for each finished event."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._tenths_told = 0
        self._epochs_told: dict[str, int] = {}
        self._reasons_told: set[str] = set()

    def downloading(self, done: int, total: int | None) -> None:
        tenths = 10 * done // total if total else 0
        if total and tenths > self._tenths_told:
            self._tenths_told = tenths
            self.say(f"downloaded {words.size(done)} of {words.size(total)}")

    def data_ready(self, data: DataSummary) -> None:
        self.say(
            f"{data.name}: {len(data.classes)} classes, {data.train_images} training and "
            f"{data.val_images} held-out images"
        )
        for finding in data.findings:
            self.say_finding(finding)

    def rung_started(self, share: float, candidates: int) -> None:
        goal = "to the end" if share == 1.0 else f"to {words.share(share)} of the training"
        self.say(f"{candidates} candidate{'' if candidates == 1 else 's'} {goal}")

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        self.say(f"[{number + 1}/{total}] {_name(trial)}")

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        # A trial that continues after a pause reports all its epochs again.
        if report.epoch is not None and report.epoch.epoch > self._epochs_told.get(trial.folder, 0):
            self._epochs_told[trial.folder] = report.epoch.epoch
            self.say(_epoch_line(report.epoch))

    def trial_paused(self, trial: Trial) -> None:
        last = trial.pauses[-1]
        self.say(
            f"  {words.percent(last.val_accuracy)} on held-out images at "
            f"{words.share(last.share)} of the training"
        )

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        because = f"{trial.candidate} {trial.dropped_because}"
        if trial.dropped_because is None:
            self.say(f"{_name(planned)}: {trial.status}{f': {trial.error}' if trial.error else ''}")
        elif because not in self._reasons_told:
            # Once for all its seeds and folds.
            self._reasons_told.add(because)
            self.say(because)
        for finding in trial.diagnosis:
            self.say_finding(finding)

    def trial_finished(self, trial: Trial) -> None:
        if trial.status == "done":
            self.say(
                f"  {words.percent(trial.val_accuracy)} on held-out images after "
                f"{words.duration(trial.train_seconds)}"
            )
        else:
            self.say(f"  {trial.status}{': ' + trial.error if trial.error else ''}")
        for finding in trial.diagnosis:
            self.say_finding(finding)


class LiveListener(PlainListener):
    """Keeps a bar at the foot of the terminal: packing, then the trial that is running."""

    def __init__(self, console: Console, bar: Bar) -> None:
        super().__init__(console)
        self._bar = bar
        self._epoch = ""

    def downloading(self, done: int, total: int | None) -> None:
        whole = f" of {words.size(total)}" if total else ""
        self._bar.show("downloading", done / total if total else 0.0, f"{words.size(done)}{whole}")

    def packing(self, done: int, total: int) -> None:
        self._bar.show("decoding", done / total, f"{done} of {total} images")

    def data_ready(self, data: DataSummary) -> None:
        self._bar.clear()
        super().data_ready(data)

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        super().trial_started(trial, number, total)
        self._epoch = ""
        self._bar.show("training", 0.0, "starting")

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        if report.epoch is not None:
            self._epoch = f" · {words.percent(report.epoch.val_accuracy)} held out"
        if report.share is not None:
            self._bar.show(
                "training",
                report.share,
                f"{words.duration(report.seconds_left)} left · "
                f"{words.rate(report.images_per_second)}{self._epoch}",
            )

    def trial_paused(self, trial: Trial) -> None:
        self._bar.clear()
        super().trial_paused(trial)

    def trial_finished(self, trial: Trial) -> None:
        self._bar.clear()
        super().trial_finished(trial)


@contextmanager
def show_progress() -> Iterator[Listener]:
    """Yield the listener that suits standard error."""
    with open_terminal() as (console, bar):
        yield PlainListener(console) if bar is None else LiveListener(console, bar)


def _name(trial: "TrialPlan") -> str:
    return f"{trial.record.candidate}, {words.run(trial.seed, trial.fold)}"


def _epoch_line(epoch: Epoch) -> str:
    return (
        f"  epoch {epoch.epoch}: loss {epoch.train_loss:.3f}, "
        f"{words.percent(epoch.train_accuracy)} training, "
        f"{words.percent(epoch.val_accuracy)} held out, {words.duration(epoch.seconds)}"
    )
