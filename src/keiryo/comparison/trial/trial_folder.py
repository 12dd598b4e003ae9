"""Reading the folder of a trial that finished, failed, was stopped or was killed."""

from pathlib import Path

from pydantic import ValidationError

from keiryo.comparison.plan import PLAN_FILE, TRIALS_FOLDER, Plan, TrialPlan, pack_place, read_plan
from keiryo.comparison.trial.job import gather_evidence
from keiryo.comparison.trial.trial import CHECKPOINT_FILE
from keiryo.data.packs.pack import open_pack
from keiryo.errors import InputError
from keiryo.models.tensor_file import TensorFileError, read_text
from keiryo.records.comparison import Trial
from keiryo.records.places import SNAPSHOTS_FILE, TRIAL_FILE
from keiryo.records.training import Snapshot, SnapshotFile
from keiryo.train.checkpoint import Position
from keiryo.train.diagnosis import diagnose


def read_trial_folder(folder: Path) -> tuple[Trial, list[Snapshot]]:
    """Return the record of the trial in `folder`, with its diagnosis, and its snapshots.

    If the trial was killed before it wrote a record, the checkpoint is diagnosed. Raises
    InputError if `folder` is not a trial's, or a file in it is damaged.
    """
    out = folder.resolve().parent.parent
    if folder.resolve().parent.name != TRIALS_FOLDER or not (out / PLAN_FILE).is_file():
        raise InputError(f"{folder}: not the folder of a trial; give OUT/{TRIALS_FOLDER}/NAME")
    plan = read_plan(out)
    planned = [trial for trial in plan.trials() if (out / trial.folder) == folder.resolve()]
    if not planned:
        raise InputError(f"{folder}: not a trial of the comparison in {out}")
    try:
        trial = Trial.model_validate_json((folder / TRIAL_FILE).read_bytes())
        return trial, _read_snapshots(folder)
    except FileNotFoundError:
        return _read_checkpoint(folder, out, plan, planned[0])
    except ValidationError:
        raise InputError(f"{folder / TRIAL_FILE}: damaged, or by another version") from None


def _read_snapshots(folder: Path) -> list[Snapshot]:
    try:
        return SnapshotFile.model_validate_json((folder / SNAPSHOTS_FILE).read_bytes()).snapshots
    except FileNotFoundError:
        return []  # its training never began
    except ValidationError:
        raise InputError(f"{folder / SNAPSHOTS_FILE}: damaged, or by another version") from None


def _read_checkpoint(
    folder: Path, out: Path, plan: Plan, trial_plan: TrialPlan
) -> tuple[Trial, list[Snapshot]]:
    try:
        position = Position.model_validate_json(read_text(folder / CHECKPOINT_FILE))
    except (TensorFileError, ValidationError, OSError):
        raise InputError(
            f"{folder}: no record and no checkpoint in it yet; wait for the first checkpoint"
        ) from None
    trial = trial_plan.record
    trial.history = position.history
    trial.pauses = position.pauses
    trial.epochs = len(position.history)
    trial.train_seconds = position.seconds
    classes = open_pack(pack_place(out, plan), verify=False).survey.classes
    evidence = gather_evidence(
        position,
        classes=classes,
        recipe=trial_plan.recipe,
        batch=plan.batch,
        accumulate=plan.accumulate,
    )
    trial.diagnosis = diagnose(evidence)
    return trial, position.snapshots
