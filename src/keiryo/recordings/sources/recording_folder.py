"""A folder of sound files, at any depth."""

from pathlib import Path

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

    `condition` is a pattern for the files' names (`find_conditions`); without it, there are no
    conditions. Raises InputError if there is no recording or the pattern does not match.
    """
    root = Path(data)
    files = files_below(root)
    paths = [path for path in files if path.suffix.lower() in SOUND_SUFFIXES]
    if not paths:
        raise InputError(
            f"{root}: no recordings in it; put files there that end in "
            f"{', '.join(sorted(SOUND_SUFFIXES))}"
        )
    conditions = no_conditions(len(paths))
    if condition is not None:
        conditions = find_conditions([readable_name(p, p.parent) for p in paths], condition)
    others = [readable_name(p, root) for p in files if p.suffix.lower() not in SOUND_SUFFIXES]
    findings: list[Finding] = []
    if others:
        findings.append(
            Finding(
                code="other_files",
                severity="info",
                evidence=f"{len(others)} left out: no recording by name",
                advice="Nothing to do if they are not meant to be trained on. "
                "Recordings in other formats must be saved as WAV, FLAC or OGG.",
                files=others,
            )
        )
    names = [readable_name(path, root) for path in paths]
    return FileRecordings(str(root), names, conditions, paths, findings)
