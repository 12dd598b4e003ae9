"""The progress of a comparison: plain lines, and a live bar on a terminal."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress

from keiryo.cli.live.terminal import Terminal, open_progress, watch_silence
from keiryo.cli.live.time_left import TimeLeft
from keiryo.comparison.listener import Listener
from keiryo.measure.engines import default_engine
from keiryo.records.comparison import Trial
from keiryo.records.costs import Cost
from keiryo.records.data import DataSummary
from keiryo.records.speed import TORCH
from keiryo.records.training import Epoch
from keiryo.report import words
from keiryo.sentences import count

if TYPE_CHECKING:  # which would load torch
    from keiryo.comparison.plan import Plan, TrialPlan
    from keiryo.comparison.trial.process import TrialReport


# After these seconds of a training, the time that it takes is told.
SECONDS_BEFORE_ESTIMATE = 3.0
SHORTEST_ESTIMATE_SECONDS = 10.0


class ComparisonListener(Terminal, Listener):
    """Writes a line for each finished event; the bar shows packing, then the running trial."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._tenths_told = 0
        self._epochs_told: dict[str, int] = {}
        self._reasons_told: set[str] = set()
        self._share = 0.0
        self._packing_since = 0.0
        self._time_left: TimeLeft | None = None
        self._first_report: float | None = None
        self._estimates_told: set[str] = set()
        self._is_timed = False

    def options_chosen(self, options: Mapping[str, int | str], reasons: Mapping[str, str]) -> None:
        self.clear_bar()
        for name, value in options.items():
            self.say(f"Chosen: --{name} {value} ({reasons[name]})")

    def planned(self, plan: "Plan", costs: Mapping[str, Cost | None], images: int) -> None:
        self.clear_bar()
        self._time_left = TimeLeft(plan, costs)
        self._is_timed = plan.minutes is not None
        for line in plan_lines(plan, costs, images):
            self.say(line)
        self.working("reading images")

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
        self.working("preparing the first training")

    def estimated(self, seconds: Mapping[str, float], total: float) -> None:
        self.clear_bar()
        width = max(map(len, seconds))
        for candidate, each in seconds.items():
            self.say(f"  {candidate:<{width}}  about {words.duration(each)} a training")
        self.say(f"  all together about {words.duration(total)}")

    def rung_started(self, share: float, candidates: int) -> None:
        goal = "to the end" if share == 1.0 else f"to {words.share(share)} of their budget"
        self.say(f"training {candidates} candidate{'' if candidates == 1 else 's'} {goal}")

    def trial_started(self, trial: "TrialPlan", number: int, total: int) -> None:
        self.say(f"[{number + 1}/{total}] {_name(trial)}")
        self._share = 0.0
        self._first_report = None
        if self._time_left is not None:
            self._time_left.begin(trial)
        self.working("starting its process")

    def trial_reported(self, trial: "TrialPlan", report: "TrialReport") -> None:
        # A trial that continues after a pause reports all its epochs again.
        epoch = report.epoch
        if epoch is not None and epoch.epoch > self._epochs_told.get(trial.folder, 0):
            self._epochs_told[trial.folder] = epoch.epoch
            self.say(_epoch_line(epoch))
        if report.evaluation_seconds is not None:
            left = report.evaluation_seconds
            time_left = f"about {words.duration(left)}" if left else ""
            self.show_bar("evaluating on held-out images", self._share, time_left)
        if report.share is not None:
            self._share = report.share
            figures = [f"{words.duration(report.seconds_left)} left"]
            total = self._time_left and self._time_left.estimate(report.seconds_left)
            if total:
                figures.append(f"of all about {words.duration(total)}")
            self._tell_estimate(trial, report.seconds_left, total)
            figures.append(words.rate(report.images_per_second))
            self.show_bar("training", report.share, " · ".join(figures))

    def _tell_estimate(self, trial: "TrialPlan", left: float, total: float | None) -> None:
        """Write, once for each candidate, how long its training and all will take."""
        now = time.monotonic()
        if self._first_report is None:
            self._first_report = now
        candidate = trial.record.candidate
        if self._is_timed or candidate in self._estimates_told:
            return
        if now - self._first_report >= SECONDS_BEFORE_ESTIMATE:
            self._estimates_told.add(candidate)
            of_all = f", and all some {words.duration(total)}" if total else ""
            if (total or left) >= SHORTEST_ESTIMATE_SECONDS:
                self.say(f"  this training takes about {words.duration(left)} more{of_all}")

    def trial_paused(self, trial: Trial) -> None:
        self.clear_bar()
        last = trial.pauses[-1]
        self.say(
            f"  held-out accuracy {words.percent(last.val_accuracy)} at "
            f"{words.share(last.share)} of the training"
        )

    def trial_dropped(self, planned: "TrialPlan", trial: Trial) -> None:
        if self._time_left is not None:
            self._time_left.drop(planned)
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
def show_progress() -> Iterator[ComparisonListener]:
    """Yield a listener that shows the progress on standard error."""
    with open_progress() as progress:
        listener = ComparisonListener(progress)
        with watch_silence(listener):
            yield listener


def plan_lines(plan: "Plan", costs: Mapping[str, Cost | None], images: int) -> list[str]:
    """Return what is going to be done, in lines; `images` is the number of images listed."""
    trials = plan.trials()
    what = count(len(plan.models), "network")
    if len(trials) > len(plan.models):
        what += f", {len(trials)} trainings"
    budget = (
        count(plan.epochs or 0, "epoch") if plan.minutes is None else f"{plan.minutes:.3g} min each"
    )
    seeds = f"seed {plan.seed}"
    if plan.seeds > 1:
        seeds = f"seeds {plan.seed} to {plan.seed + plan.seeds - 1}"
    folds = f", {plan.folds} folds" if plan.folds > 1 else ""
    lines = [
        f"Plan: {what}, {budget}; {images:,} images at {plan.size} px, batch {plan.batch}, "
        f"{seeds}{folds}, recipe {plan.recipe}; on {plan.device}, "
        f"{count(plan.threads, 'thread')}"
    ]
    width = max(map(len, plan.models))
    for model in plan.models:
        cost = costs.get(model)
        figures = (
            "not weighed: it runs on its device alone"
            if cost is None
            else f"{words.number(cost.parameters)} parameters, {words.number(cost.macs)} "
            "MACs an image"
        )
        lines.append(f"  {model:<{width}}  {figures}")
    if plan.engine == default_engine() == TORCH:
        lines.append(
            "  ONNX Runtime is not installed, so latency and size will be those of torch; "
            "pip install 'keiryo[onnx]'"
        )
    for model in plan.models:
        name, colon, factory = model.rpartition(":")
        if colon and "=" not in factory:  # a network of the user's own
            lines.append(
                f"  {model}: predictions will need {name}, which no artifact holds; keep it"
            )
    if plan.minutes is not None and not plan.stop_early:
        if plan.total_minutes is not None:
            lines.append(f"  {plan.total_minutes:g} min in all, for each training the same part")
        else:
            total = words.duration(60 * plan.minutes * len(trials))
            lines.append(f"  {total} of training in all; measuring takes a few minutes more")
    return lines


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
