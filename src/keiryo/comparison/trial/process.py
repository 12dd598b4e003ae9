"""A trial in a process of its own: `python -m keiryo.comparison.trial.process OUT NUMBER SHARE`.

It reports to its parent in lines of JSON on standard output. Messages go to standard error, which
the parent keeps in the trial's log. On an interrupt it saves its checkpoint and ends. It ends at
once when its standard input is closed, so that no trial outlives a parent that was killed.
"""

import errno
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from keiryo.comparison.plan import read_plan
from keiryo.comparison.trial.job import prepare_job
from keiryo.comparison.trial.trial import run_trial
from keiryo.errors import InputError
from keiryo.records.base import Record
from keiryo.records.training import Epoch
from keiryo.train.listener import TrainingListener, TrainingProgress
from keiryo.train.loop import Training

SHORTEST_REPORT_INTERVAL_SECONDS = 0.25
EXIT_STOPPED = 130
EXIT_INPUT = 2


class TrialReport(Record):
    """One line from a trial to its parent: its progress, an evaluation, or the end of an epoch.

    `evaluation_seconds` is the time that an evaluation, which begins now, will take; 0: not known.
    """

    share: float | None = None
    images_per_second: float = 0.0
    seconds_left: float = 0.0
    epoch: Epoch | None = None
    evaluation_seconds: float | None = None


def main(out: Path, number: int, until: float) -> int:
    """Run trial `number` of the plan in `out` to the share `until`; return the exit status."""
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    # Text that a user's own modules print must not get between the reports.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        plan = read_plan(out)
        trial = run_trial(
            prepare_job(out, plan, plan.trials()[number]),
            lambda training: _make_listener(training, reports, stop),
            until=until,
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_INPUT
    except SystemExit as error:  # a trial that did not come to its end must not look done
        raise RuntimeError(f"the network's own code called sys.exit({error.code!r})") from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"--out {out}: no space left on its disk", file=sys.stderr)
        return EXIT_INPUT
    has_stopped = trial.status == "stopped" and not trial.has_paused_at(until)
    return EXIT_STOPPED if has_stopped else 0


def _make_listener(training: Training, reports: IO[str], stop: threading.Event) -> TrainingListener:
    def send(report: TrialReport) -> None:
        reports.write(report.model_dump_json() + "\n")
        reports.flush()

    last_sent = 0.0

    def on_progress(progress: TrainingProgress) -> None:
        nonlocal last_sent
        if time.monotonic() - last_sent > SHORTEST_REPORT_INTERVAL_SECONDS:
            last_sent = time.monotonic()
            send(
                TrialReport(
                    share=progress.share,
                    images_per_second=progress.examples_per_second,
                    seconds_left=progress.seconds_left,
                )
            )

    for epoch in training.position.history:
        send(TrialReport(epoch=epoch))
    return TrainingListener(
        on_progress,
        lambda epoch: send(TrialReport(epoch=epoch)),
        stop.is_set,
        lambda seconds: send(TrialReport(evaluation_seconds=seconds)),
    )


def _end_with_parent() -> None:
    # Not by sys.stdin, whose lock this thread would hold when the process ends.
    while os.read(0, 1024):
        pass
    os._exit(EXIT_STOPPED)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
