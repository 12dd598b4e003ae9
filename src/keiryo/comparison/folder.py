"""The folder that a comparison writes into: claimed before anything is written."""

import shutil
from pathlib import Path

from keiryo.comparison.plan import (
    HALVING_FILE,
    PLAN_FILE,
    TRIALS_FOLDER,
    Plan,
    has_plan,
    write_plan,
)
from keiryo.data.sources.storage import was_url
from keiryo.errors import InputError
from keiryo.records.places import (
    CURVES_FOLDER,
    MLFLOW_FOLDER,
    REPORT_FILE,
    RESULTS_FILE,
    TABLE_FILE,
    TENSORBOARD_FOLDER,
    THUMBNAILS_FILE,
)

LEFTOVERS = (".*.tmp", ".*.old")


def claim_folder(out: Path, plan: Plan, *, force: bool) -> None:
    """Make `out` the folder of `plan`; with `force`, in place of the comparison in it.

    A pack in it is kept, since it is made again where it no longer fits. Raises
    InputError where there is something that must not be overwritten.
    """
    if was_url(out):
        raise InputError(f"--out {out}: must be a folder of this machine")
    if has_plan(out):
        if not force:
            raise InputError(
                f"--out {out}: already holds a comparison; "
                "go on with it by --resume, replace it by --force, or name another folder"
            )
        _remove_results(out)
    elif out.exists() and (not out.is_dir() or _holds_others_files(out)):
        raise InputError(
            f"--out {out}: exists and is not a comparison of keiryo's; name another folder"
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
    """Remove the half-written files of a comparison that was killed."""
    for folder in (out, *(out / TRIALS_FOLDER).glob("*")):
        for pattern in LEFTOVERS:
            for leftover in folder.glob(pattern):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def check_space(out: Path, needed_bytes: int) -> None:
    """Raise InputError where `out` cannot come to hold `needed_bytes` on its disk."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    already = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    if free < needed_bytes - already:
        raise InputError(
            f"--out {out}: its disk has {free / 1e9:.2f} GB left and this comparison needs "
            f"{(needed_bytes - already) / 1e9:.2f} GB; free some, or name a folder on another disk"
        )


def _holds_others_files(out: Path) -> bool:
    # A kill may have come while the plan was being written.
    return any(not path.match(f".{PLAN_FILE}.*.tmp") for path in out.iterdir())


def _remove_results(out: Path) -> None:
    for file in (RESULTS_FILE, TABLE_FILE, REPORT_FILE, THUMBNAILS_FILE, HALVING_FILE):
        (out / file).unlink(missing_ok=True)
    for folder in (TRIALS_FOLDER, CURVES_FOLDER, TENSORBOARD_FOLDER, MLFLOW_FOLDER):
        shutil.rmtree(out / folder, ignore_errors=True)
    # Last, so that a folder half removed is still known for keiryo's.
    (out / PLAN_FILE).unlink()
