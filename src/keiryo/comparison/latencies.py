"""The latencies of a comparison's models, measured in turns when all trainings have ended."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from keiryo.comparison.deployment import engine_file
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan
from keiryo.files import write_text
from keiryo.measure.latency import LatencyError, ToMeasure, measure_latencies
from keiryo.records.comparison import Trial
from keiryo.records.places import TRIAL_FILE

LONGEST_MESSAGE = 500


def measure_trials(
    trials: Sequence[Trial], plan: Plan, out: Path, listener: Listener, *, again: bool
) -> bool:
    """Measure the finished `trials`, and write the figures into their records.

    A latency belongs to an architecture on an engine: all seeds, folds and recipes of a model have
    the same. Models that are measured already are left out, unless `again`. Returns False if the
    user interrupted.
    """
    trials_of: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status == "done":
            trials_of[trial.model, trial.engine].append(trial)
    unmeasured = [
        group for group in trials_of.values() if again or not all(map(_is_measured, group))
    ]
    try:
        found = measure_latencies(
            [
                ToMeasure(tuple(engine_file(out, trial) for trial in group), engine=group[0].engine)
                for group in unmeasured
            ],
            device=plan.device,
            threads=plan.threads,
            wait=plan.wait_for_quiet,
            on_progress=listener.measuring,
        )
    except KeyboardInterrupt:
        return False
    planned = {trial_plan.folder: trial_plan for trial_plan in plan.trials()}
    for group, latency in zip(unmeasured, found, strict=True):
        for trial in group:
            if isinstance(latency, LatencyError):
                message = latency.log.strip()[-LONGEST_MESSAGE:]
                trial.latency_ms = None
                trial.error = f"latency could not be measured: {message}"
            else:
                trial.latency_ms = latency
            write_text(out / trial.folder / TRIAL_FILE, trial.model_dump_json(indent=2))
            listener.latency_measured(planned[trial.folder], trial)
    return True


def _is_measured(trial: Trial) -> bool:
    return trial.latency_ms is not None and trial.latency_ms.engine == trial.engine
