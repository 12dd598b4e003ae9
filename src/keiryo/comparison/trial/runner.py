"""Starting a trial's process, following it, and recording how it ended."""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from keiryo.comparison.plan import Plan, TrialPlan
from keiryo.comparison.trial.process import EXIT_INPUT, TrialReport
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.processes import environment
from keiryo.records.comparison import Trial
from keiryo.records.costs import Cost
from keiryo.records.places import TRIAL_FILE
from keiryo.records.training import Epoch
from keiryo.train.device import ALLOCATOR_SETTINGS

LOG_FILE = "log.txt"
LAST_WORDS_LINES = 4


@dataclass(frozen=True)
class TrialOutcome:
    """The record of a trial, and whether the user interrupted it."""

    trial: Trial
    interrupted: bool


def complete_trial(
    out: Path,
    plan: Plan,
    number: int,
    cost: Cost | None,
    on_report: Callable[[TrialReport], None],
    on_interrupt: Callable[[], None] = lambda: None,
    *,
    until: float,
) -> TrialOutcome:
    """Complete trial `number`: train it, add its cost, write its record.

    It is trained in a process of its own, until the share `until`, from 0 to 1, of its budget
    is used up. A trial that crashes is recorded as failed, with the last lines of its log. An
    interrupt is told to `on_interrupt` and passed to the process, which saves a checkpoint; the
    record's status is then `stopped`. Raises InputError if the user's input ended it.
    """
    folder = out / plan.trials()[number].folder
    trial = read_trial(folder)
    interrupted = False
    if trial is None or not (trial.status == "done" or trial.has_paused_at(until)):
        trial, interrupted = _train(
            out, plan.trials()[number], number, on_report, on_interrupt, until=until
        )
    if cost is not None:
        trial.parameters = cost.parameters
        trial.state_elements = cost.state_elements
        trial.macs = cost.macs
    write_text(folder / TRIAL_FILE, trial.model_dump_json(indent=2))
    return TrialOutcome(trial, interrupted)


def _train(
    out: Path,
    trial_plan: TrialPlan,
    number: int,
    on_report: Callable[[TrialReport], None],
    on_interrupt: Callable[[], None],
    *,
    until: float,
) -> tuple[Trial, bool]:
    folder = out / trial_plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRIAL_FILE).unlink(missing_ok=True)
    history: list[Epoch] = []

    def follow(report: TrialReport) -> None:
        if report.epoch is not None:
            history.append(report.epoch)
        on_report(report)

    status, interrupted = _run_process(
        out, number, folder / LOG_FILE, follow, on_interrupt, until=until
    )
    last_words = _last_words(folder / LOG_FILE)
    if status == EXIT_INPUT:
        raise InputError(last_words)
    trial = read_trial(folder)
    if trial is None:
        trial = trial_plan.record
        trial.status = "stopped" if interrupted else "failed"
        trial.history = history
        trial.epochs = len(history)
        if not interrupted:
            trial.error = ": ".join(filter(None, (_how_it_ended(status), last_words)))
    return trial, interrupted


def _run_process(
    out: Path,
    number: int,
    log: Path,
    on_report: Callable[[TrialReport], None],
    on_interrupt: Callable[[], None],
    *,
    until: float,
) -> tuple[int, bool]:
    """Return the exit status of the trial's process and whether it was interrupted."""
    module = "keiryo.comparison.trial.process"
    command = [sys.executable, "-m", module, str(out), str(number), str(until)]
    interrupted = False
    with (
        log.open("w", encoding="utf-8") as log_file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=environment(ALLOCATOR_SETTINGS),
            text=True,
            encoding="utf-8",
            # Ctrl-C in the terminal reaches the parent alone, which passes it on once.
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        while process.poll() is None:
            try:
                for line in process.stdout:
                    if (report := _parse(line)) is not None:
                        on_report(report)
                process.wait()
            except KeyboardInterrupt:
                # The first interrupt asks it to save and end; a second one does not wait for that.
                process.kill() if interrupted else process.send_signal(signal.SIGINT)
                if not interrupted:
                    on_interrupt()
                interrupted = True
        return process.returncode, interrupted


def _parse(line: str) -> TrialReport | None:
    try:
        return TrialReport.model_validate_json(line)
    except ValidationError:
        return None  # an interrupt may cut a line in two


def read_trial(folder: Path) -> Trial | None:
    """Return the record of the trial in `folder`; None if there is no readable one."""
    try:
        return Trial.model_validate_json((folder / TRIAL_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _how_it_ended(status: int) -> str:
    if status == -signal.SIGKILL:
        return "killed, most likely for want of memory (a smaller --batch or --size takes less)"
    if status < 0:
        return f"ended by signal {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    # Python underlines the place in the line above.
    lines = [line for line in lines if line.strip(" ^~")]
    return "\n".join(lines[-LAST_WORDS_LINES:])
