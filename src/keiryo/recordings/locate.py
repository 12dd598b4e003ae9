"""From what the user typed as DATA to a source of recordings."""

from collections import Counter
from pathlib import Path

from keiryo.data.sources.folders import files_below, readable_name
from keiryo.errors import InputError
from keiryo.recordings.conditions import (
    Conditions,
    find_conditions,
    no_conditions,
    read_condition_table,
)
from keiryo.recordings.sound_files import SOUND_SUFFIXES
from keiryo.recordings.source import FileRecordings, RecordingSource
from keiryo.recordings.tones import open_tones
from keiryo.records.base import Finding

TONES = "tones"


def locate_recordings(data: str, *, condition: str | None = None) -> RecordingSource:
    r"""Return the recordings that `data` names.

    It is a folder of WAV, FLAC and OGG files, at any depth; a CSV with the column `path` and
    one for each condition; or the built-in set `tones`. `condition` is a pattern whose named
    groups are the conditions in the files' names: `(?P<digit>\d)_(?P<speaker>[a-z]+)_`.
    Raises InputError where there is no recording, or the pattern does not serve.
    """
    path = Path(data)
    if data.partition(":")[0] == TONES:
        _refuse_condition(condition, data, "has conditions of its own, pitch and timbre")
        return open_tones(data)
    if path.is_dir():
        return _folder(path, condition)
    if path.is_file() and path.suffix.lower() == ".csv":
        _refuse_condition(condition, data, "has its conditions in its columns")
        return _table(path)
    if path.is_file() and path.suffix.lower() in SOUND_SUFFIXES:
        raise InputError(f"{data}: a single recording; name the folder that it lies in")
    if path.exists():
        raise InputError(f"{data}: neither a folder of recordings nor a .csv file that lists them")
    raise InputError(f"{data}: no such folder or file (by name there is the set {TONES})")


def _refuse_condition(condition: str | None, data: str, why: str) -> None:
    if condition is not None:
        raise InputError(f"--condition '{condition}': {data} {why}; leave the option out")


def _folder(root: Path, condition: str | None) -> RecordingSource:
    files = files_below(root)
    paths = [path for path in files if path.suffix.lower() in SOUND_SUFFIXES]
    if not paths:
        raise InputError(
            f"{root}: no recordings in it; put files there that end in "
            f"{', '.join(sorted(SOUND_SUFFIXES))}"
        )
    conditions: Conditions = no_conditions(len(paths))
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


def _table(table: Path) -> RecordingSource:
    names, conditions = read_condition_table(table)
    paths = [table.parent / name for name in names]
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{table}: lists {repeated[0]} twice; leave one of the rows")
    for path in paths:
        if not path.is_file():
            raise InputError(f"{table}: no such file: {path}; paths are relative to the CSV")
    return FileRecordings(str(table), names, conditions, paths)
