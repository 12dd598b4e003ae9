"""The finished trials on the engine that will run them: exported files, and their figures."""

from collections.abc import Sequence
from pathlib import Path

from keiryo.comparison.exporting.checked_export import export_model
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import Plan
from keiryo.errors import InputError, one_line
from keiryo.files import bytes_of, write_text
from keiryo.measure.engines import ENGINES
from keiryo.models.saved import MODEL_FILE
from keiryo.models.users_module import users_forward
from keiryo.processes import without_output
from keiryo.records.comparison import Trial
from keiryo.records.export import TrialExport
from keiryo.records.places import TRIAL_FILE
from keiryo.records.speed import TORCH
from keiryo.statistics import wilson_interval


def move_to_engine(
    trials: Sequence[Trial], plan: Plan, out: Path, listener: Listener, *, again: bool
) -> bool:
    """Give the finished `trials` the size and the accuracy that they have on the plan's engine.

    Each is exported once, into its folder, and the file stays there. A network that cannot be
    exported keeps torch's figures; with `again` it is tried once more. Returns False if the user
    interrupted.
    """
    for trial in trials:
        if trial.status != "done" or plan.engine == trial.engine == TORCH:
            continue
        before = trial.model_copy()
        export = trial.exports.get(plan.engine)
        needs_export = plan.engine != TORCH and (
            export is None
            or (again and export.error is not None)
            or (export.file is not None and not (out / trial.folder / export.file).exists())
        )
        if needs_export:
            listener.working(f"exporting {trial.candidate}")
            try:
                export = _export(trial, plan, out)
            except KeyboardInterrupt:
                return False
            # Several engines may have a file each.
            trial.exports = {**trial.exports, plan.engine: export}
        trial.engine = TORCH if export is None or export.file is None else plan.engine
        _set_figures(trial, out)
        if trial != before:
            write_text(out / trial.folder / TRIAL_FILE, trial.model_dump_json(indent=2))
    return True


def engine_file(out: Path, trial: Trial) -> Path:
    """Return the file of the finished `trial`, in the comparison `out`, that its engine runs."""
    export = trial.exports.get(trial.engine)
    name = MODEL_FILE if export is None or export.file is None else export.file
    return out / trial.folder / name


def _export(trial: Trial, plan: Plan, out: Path) -> TrialExport:
    folder, target = out / trial.folder, ENGINES[plan.engine].target
    assert target is not None
    try:
        with users_forward(trial.model), without_output():
            [exported] = export_model(folder, None, to=[target], force=True, threads=plan.threads)
    except InputError as error:
        reason = str(error).removeprefix(f"{folder}: ").removeprefix(f"{trial.model}: ")
        return TrialExport(error=one_line(reason))
    return TrialExport(file=Path(exported.path).name, agreement=exported.agreement)


def _set_figures(trial: Trial, out: Path) -> None:
    """Set the figures that differ between engines, but for the latency."""
    trial.artifact_bytes = bytes_of(engine_file(out, trial))
    accuracy = trial.history[-1].val_accuracy  # the last epoch ended with this measurement
    export = trial.exports.get(trial.engine)
    agreement = None if export is None else export.agreement
    if agreement is not None and agreement.accuracy is not None:
        accuracy = agreement.accuracy
    if accuracy is not None and trial.val_images:
        trial.val_accuracy = accuracy
        right = round(accuracy * trial.val_images)
        trial.val_accuracy_interval = wilson_interval(right, trial.val_images)
