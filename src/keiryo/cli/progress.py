"""The progress of a comparison: plain lines, and a live bar on a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from keiryo.cli.tables.table import SEVERITY_STYLES, say
from keiryo.comparison.listener import Listener
from keiryo.records.base import Finding
from keiryo.records.comparison import Trial
from keiryo.records.data import DataSummary
from keiryo.records.training import Epoch
from keiryo.report import words

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import TrialPlan
    from keiryo.comparison.trial.process import TrialReport


class Terminal:
    """Lines on a console and, if it is a terminal, a bar below them while work is going on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    @property
    def has_bar(self) -> bool:
        """True if the bar is shown."""
        return not self._progress.disable

    def say(self, text: str, style: str | None = None) -> None:
        """Write a line."""
        say(self._progress.console, text, style)

    def say_finding(self, finding: Finding) -> None:
        """Write a finding, in the colour of its severity."""
        text = f"  {finding.severity}: {finding.evidence}. {finding.advice}"
        self.say(text, SEVERITY_STYLES[finding.severity])

    def show_bar(self, activity: str, share: float, figures: str) -> None:
        """Show the done share of an activity, from 0 to 1."""
        if self._task is None:
            self._task = self._progress.add_task("", total=1.0, figures="")
        self._progress.update(
            self._task, description=f"  {activity}", completed=share, figures=figures
        )

    def clear_bar(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def open_progress() -> Progress:
    """Return the bars of standard error; they are shown only if it is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}"),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class ComparisonListener(Terminal, Listener):
    """Writes a line for each finished event; the bar shows packing, then the running trial."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._tenths_told = 0
        self._epochs_told: dict[str, int] = {}
        self._reasons_told: set[str] = set()
        self._accuracy = ""
        self._share = 0.0
        self._packing_since = 0.0

    def downloading(self, done: int, total: int | None) -> None:
        whole = f" of {words.size(total)}" if total else ""
        share = done / total if total else 0.0
        self.show_bar("downloading", share, f"{words.size(done)}{whole}")
        tenths = 10 * done // total if total else 0
        if tenths > self._tenths_told and not self.has_bar:
            self._tenths_told = tenths
            self.say(f"downloaded {words.size(done)}{whole}")

    def packing(self, done: int, total: int) -> None:
        if not self._packing_since:
            self._packing_since = time.monotonic()
        passed = time.monotonic() - self._packing_since
        left = f" · {words.duration(passed * (total - done) / done)} left" if done else ""
        self.show_bar("decoding", done / total, f"{done} of {total} images{left}")

    def data_ready(self, data: DataSummary) -> None:
        self.clear_bar()
        self.say(
            f"{data.name}: {len(data.classes)} classes, {data.train_images} training and "
            f"{data.val_images} held-out images"
        )
        for finding in data.findings:
            self.say_finding(finding)

    def rung_started(self, share: float, candidates: int) -> None:
        goal = "to the end" if share == 1.0 else f"to {words.share(share)} of their budget"
        self.say(f"training {candidates} candidate{'' if candidates == 1 else 's'} {goal}")

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        self.say(f"[{number + 1}/{total}] {_name(trial)}")
        self._accuracy, self._share = "", 0.0
        self.show_bar("training", 0.0, "starting")

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        if (epoch := report.epoch) is not None:
            self._accuracy = f" · {words.percent(epoch.val_accuracy)} held-out accuracy"
            # A trial that continues after a pause reports all its epochs again.
            if epoch.epoch > self._epochs_told.get(trial.folder, 0) and not self.has_bar:
                self._epochs_told[trial.folder] = epoch.epoch
                self.say(_epoch_line(epoch))
        if report.evaluation_seconds is not None:
            left = report.evaluation_seconds
            time_left = f"about {words.duration(left)}" if left else ""
            self.show_bar("evaluating on held-out images", self._share, time_left)
        if report.share is not None:
            self._share = report.share
            self.show_bar(
                "training",
                report.share,
                f"{words.duration(report.seconds_left)} left · "
                f"{words.rate(report.images_per_second)}{self._accuracy}",
            )

    def trial_paused(self, trial: Trial) -> None:
        self.clear_bar()
        last = trial.pauses[-1]
        self.say(
            f"  held-out accuracy {words.percent(last.val_accuracy)} at "
            f"{words.share(last.share)} of the training"
        )

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        because = f"{trial.candidate} {trial.dropped_because}"
        if trial.dropped_because is None:
            self.say(f"{_name(planned)}: {_status(trial)}")
        elif because not in self._reasons_told:
            # Once for all its seeds and folds.
            self._reasons_told.add(because)
            self.say(because)
        for finding in trial.diagnosis:
            self.say_finding(finding)

    def trial_finished(self, trial: Trial) -> None:
        self.clear_bar()
        if trial.status == "done":
            self.say(
                f"  held-out accuracy {words.percent(trial.val_accuracy)} after "
                f"{words.duration(trial.train_seconds)} of training"
            )
        else:
            self.say(f"  {_status(trial)}")
        for finding in trial.diagnosis:
            self.say_finding(finding)

    def measuring(self, done: int, total: int) -> None:
        if done < total:
            self.show_bar("measuring latencies", done / total, f"{done} of {total} passes")
        else:
            self.clear_bar()

    def latency_measured(self, planned: "TrialPlan", trial: Trial) -> None:
        self.clear_bar()
        if trial.error is not None:
            self.say(f"{_name(planned)}: {trial.error}")


@contextmanager
def show_progress() -> Iterator[Listener]:
    """Yield a listener that shows the progress on standard error."""
    with open_progress() as progress:
        yield ComparisonListener(progress)


def _name(trial: "TrialPlan") -> str:
    return f"{trial.record.candidate}, {words.run(trial.seed, trial.fold)}"


def _status(trial: Trial) -> str:
    return f"{trial.status}: {trial.error}" if trial.error else trial.status


def _epoch_line(epoch: Epoch) -> str:
    return (
        f"  epoch {epoch.epoch}: loss {epoch.train_loss:.3f}, accuracy "
        f"{words.percent(epoch.train_accuracy)} training, "
        f"{words.percent(epoch.val_accuracy)} held out, {words.duration(epoch.seconds)}"
    )
