"""A folder of sound files, at any depth."""

from pathlib import Path
from typing import Literal

from keiryo.data.items import SPLIT_NAMES
from keiryo.data.sources.folders.listing import files_below, readable_name
from keiryo.errors import InputError
from keiryo.recordings.conditions import find_conditions, no_conditions
from keiryo.recordings.sources.sound_files import SOUND_SUFFIXES
from keiryo.recordings.sources.source import FileRecordings
from keiryo.records.base import Finding


def is_recording_folder(data: str) -> bool:
    """Return whether `data` is a folder."""
    return Path(data).is_dir()


def open_recording_folder(data: str, condition: str | None) -> FileRecordings:
    """Return the recordings in the folder `data`, with the conditions that `condition` finds.

    Folders train/ and val/ (or valid/, test/) in it are its split; recordings beside them are left
    out.
    `condition` is a pattern for the files' names (`find_conditions`); without it, there are no
    conditions. Raises InputError if there is no recording or the pattern does not match.
    """
    root = Path(data)
    files = files_below(root)
    paths = [path for path in files if path.suffix.lower() in SOUND_SUFFIXES]
    sides = [SPLIT_NAMES.get(path.relative_to(root).parts[0].lower()) for path in paths]
    splits: list[Literal["train", "val"]] | None = None
    beside: list[str] = []
    if "train" in sides and {"val", "test"} & {*sides}:
        beside = [readable_name(p, root) for p, side in zip(paths, sides, strict=True) if not side]
        paths = [path for path, side in zip(paths, sides, strict=True) if side]
        splits = ["train" if side == "train" else "val" for side in sides if side]
    if not paths:
        raise InputError(
            f"{root}: no recordings in it; put files there that end in "
            f"{', '.join(sorted(SOUND_SUFFIXES))}"
        )
    conditions = no_conditions(len(paths))
    if condition is not None:
        conditions = find_conditions(
            [readable_name(p, p.parent) for p in paths],
            condition,
            paths=[readable_name(path, root) for path in paths],
        )
    others = [readable_name(p, root) for p in files if p.suffix.lower() not in SOUND_SUFFIXES]
    findings: list[Finding] = []
    if others:
        findings.append(
            Finding(
                code="other_files",
                severity="info",
                evidence=f"{len(others)} left out: no recording by name",
                advice="Nothing to do if they are not meant to be trained on. "
                "Recordings in other formats must be saved as WAV, FLAC, OGG or MP3.",
                files=others,
            )
        )
    if beside:
        findings.append(
            Finding(
                code="beside_splits",
                severity="warning",
                evidence=f"{len(beside)} recordings beside the folders of the split left out",
                advice="Move them into train/ or val/.",
                files=beside,
            )
        )
    names = [readable_name(path, root) for path in paths]
    return FileRecordings(str(root), names, conditions, paths, findings, splits=splits)
