"""The folder that a WaveNet's training writes into: claimed before anything is written."""

import shutil
from pathlib import Path

from keiryo.audio.plan import PLAN_FILE, WaveNetPlan, has_plan, write_plan
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE
from keiryo.records.places import REPORT_FILE, RESULTS_FILE
from keiryo.records.wavenet import SOUNDS_FOLDER, WAVENET_SNAPSHOTS_FILE

CHECKPOINT_FILE = "checkpoint.safetensors"
PACK_FOLDER = "recordings"
LEFTOVERS = (".*.tmp", ".*.old", ".*.unfinished", ".*.lock")


def claim_folder(out: Path, plan: WaveNetPlan, *, force: bool) -> None:
    """Make `out` the folder of `plan`; with `force`, in place of the training in it.

    Recordings packed there are kept, since they are packed again where they no longer fit.
    Raises InputError where there is something that must not be overwritten.
    """
    if has_plan(out):
        if not force:
            raise InputError(
                f"--out {out}: already holds a training; go on with it by --resume, replace it "
                "by --force, or name another folder"
            )
        _remove_results(out)
    elif out.exists() and (not out.is_dir() or _holds_others_files(out)):
        raise InputError(
            f"--out {out}: exists and is not a WaveNet's training; name another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    clear_leftovers(out)
    write_plan(out, plan)


def release_folder(out: Path) -> None:
    """Take back the claim on `out` where nothing came of it but the plan."""
    if [path.name for path in out.iterdir()] == [PLAN_FILE]:
        (out / PLAN_FILE).unlink()
        out.rmdir()


def clear_leftovers(out: Path) -> None:
    """Remove the half-written files of a training that was killed."""
    for folder in (out, out / SOUNDS_FOLDER):
        for pattern in LEFTOVERS:
            for leftover in folder.glob(pattern):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _holds_others_files(out: Path) -> bool:
    # A kill may have come while the plan was being written.
    return any(not path.match(f".{PLAN_FILE}.*.tmp") for path in out.iterdir())


def _remove_results(out: Path) -> None:
    files = (RESULTS_FILE, REPORT_FILE, CHECKPOINT_FILE, MODEL_FILE, WAVENET_SNAPSHOTS_FILE)
    for file in files:
        (out / file).unlink(missing_ok=True)
    shutil.rmtree(out / SOUNDS_FOLDER, ignore_errors=True)
    # Last, so that a folder half removed is still known for keiryo's.
    (out / PLAN_FILE).unlink()
