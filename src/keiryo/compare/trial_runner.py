"""Starting a trial's process, following it, and making a record of however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from keiryo.compare.plan import Plan, TrialPlan
from keiryo.compare.trial import TRIAL_FILE
from keiryo.compare.trial_process import EXIT_INPUT, EXIT_STOPPED, TrialReport
from keiryo.errors import InputError
from keiryo.files import write_text
from keiryo.measure.latency import measure_latency
from keiryo.models.saved import MODEL_FILE
from keiryo.results import Cost, Epoch, Trial

LOG_FILE = "log.txt"
LAST_WORDS_LINES = 4

# glibc gives large blocks back to the system when they are freed, and the next step
# pays for mapping and clearing them again; kept, a training runs up to twice as fast.
ALLOCATOR_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 34),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
}


def finished_trial(out: Path, trial_plan: TrialPlan) -> Trial | None:
    """Return the record of a trial that was done in an earlier run, or None."""
    trial = _read_trial(out / trial_plan.folder)
    return trial if trial is not None and trial.status == "done" else None


def run_trial_process(
    out: Path,
    plan: Plan,
    number: int,
    cost: Cost | None,
    on_report: Callable[[TrialReport], None],
) -> Trial:
    """Run trial `number` of the plan in a process of its own and return its record.

    A trial that crashes is a failed one, with its last words. An interrupt is handed
    on to the process, which saves a checkpoint; the record then says `stopped`.
    Raises InputError where the trial ended by the user's own fault.
    """
    trial_plan = plan.trials()[number]
    folder = out / trial_plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRIAL_FILE).unlink(missing_ok=True)
    history: list[Epoch] = []

    def follow(report: TrialReport) -> None:
        if report.epoch is not None:
            history.append(report.epoch)
        on_report(report)

    status = _run_process(out, number, folder / LOG_FILE, follow)
    trial = _read_trial(folder) or Trial(
        model=trial_plan.model,
        seed=trial_plan.seed,
        status="stopped" if status == EXIT_STOPPED else "failed",
        folder=trial_plan.folder,
        history=history,
        epochs=len(history),
    )
    last_words = _last_words(folder / LOG_FILE)
    if status == EXIT_INPUT:
        raise InputError(last_words)
    if trial.status == "failed" and trial.error is None:
        trial.error = (
            f"{_how_it_ended(status)}: {last_words}" if last_words else _how_it_ended(status)
        )
    if cost is not None:
        trial.parameters = cost.parameters
        trial.state_elements = cost.state_elements
        trial.macs = cost.macs
    if trial.status == "done":
        try:
            trial.latency_ms = measure_latency(
                folder / MODEL_FILE, device=plan.device, threads=plan.threads
            )
        except subprocess.CalledProcessError as error:
            trial.error = f"latency could not be measured: {error.stderr.strip()[-500:]}"
    write_text(folder / TRIAL_FILE, trial.model_dump_json(indent=2))
    return trial


def _run_process(
    out: Path, number: int, log: Path, on_report: Callable[[TrialReport], None]
) -> int:
    command = [sys.executable, "-m", "keiryo.compare.trial_process", str(out), str(number)]
    with (
        log.open("w", encoding="utf-8") as log_file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env={**ALLOCATOR_SETTINGS, **os.environ},
            text=True,
            encoding="utf-8",
            # A Ctrl-C in the terminal reaches the parent alone, which hands it on once.
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                on_report(TrialReport.model_validate_json(line))
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate()
            except KeyboardInterrupt:
                process.kill()
            process.wait()
            return EXIT_STOPPED


def _read_trial(folder: Path) -> Trial | None:
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
    return "\n".join(lines[-LAST_WORDS_LINES:])
