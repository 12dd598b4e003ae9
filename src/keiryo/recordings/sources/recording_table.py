"""A CSV file that lists sound files and their conditions."""

from collections import Counter
from pathlib import Path

from keiryo.errors import InputError
from keiryo.recordings.conditions import read_condition_table, refuse_condition
from keiryo.recordings.sources.source import FileRecordings


def is_recording_table(data: str) -> bool:
    """Return whether `data` is a .csv file."""
    return Path(data).is_file() and Path(data).suffix.lower() == ".csv"


def open_recording_table(data: str, condition: str | None) -> FileRecordings:
    """Return the recordings that the CSV file `data` lists (`read_condition_table`).

    Raises InputError if it is no such CSV file, if it lists a file twice or one that does not
    exist, or if a pattern `condition` is given, since the conditions are in the columns.
    """
    refuse_condition(condition, data, "has its conditions in its columns")
    table = Path(data)
    names, conditions, splits = read_condition_table(table)
    paths = [table.parent / name for name in names]
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{table}: lists {repeated[0]} twice; leave one of the rows")
    for path in paths:
        if not path.is_file():
            raise InputError(f"{table}: no such file: {path}; paths are relative to the CSV")
    return FileRecordings(str(table), names, conditions, paths, splits=splits)
