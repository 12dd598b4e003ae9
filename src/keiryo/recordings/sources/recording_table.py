"""A CSV file that lists sound files and their conditions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keiryo.data.items import SPLIT_NAMES
from keiryo.data.sources.table_rows import TableRows, find_file
from keiryo.errors import InputError
from keiryo.recordings.conditions import no_conditions, number_values, refuse_condition
from keiryo.recordings.sources.source import FileRecordings
from keiryo.records.base import Finding
from keiryo.sentences import count

PATH_COLUMN, SPLIT_COLUMN = "path", "split"


@dataclass(frozen=True)
class RecordingRow:
    """A row of the file: its line, the path in it, the values of its conditions, its side."""

    line: int
    path: str
    values: tuple[str, ...]
    split: Literal["train", "val"] | None


def is_recording_table(data: str) -> bool:
    """Return whether `data` is a .csv file."""
    return Path(data).is_file() and Path(data).suffix.lower() == ".csv"


def open_recording_table(data: str, condition: str | None) -> FileRecordings:
    """Return the recordings that the CSV file `data` lists; missing files are a finding.

    The column `path` is relative to the folder of the CSV. A column `split` puts each recording on
    a side (`keiryo.data.items.SPLIT_NAMES`; test counts as held out). Each other column is a
    category. LJSpeech's metadata.csv, `NAME|TEXT|TEXT` without a heading for the files
    wavs/NAME.wav, has no conditions. Raises InputError if it is no such CSV file, if it lists a
    file twice or none that exists, or if a pattern `condition` is given, since the conditions are
    in the columns.
    """
    refuse_condition(condition, data, "has its conditions in its columns")
    table = Path(data)
    names, rows = read_recording_table(table)
    listed = Counter(row.path for row in rows)
    if repeated := [path for path, number in listed.items() if number > 1]:
        raise InputError(f"{table}: lists {repeated[0]} twice; leave one of the rows")
    found = [(row, path) for row in rows if (path := find_file(table.parent, row.path))]
    if not found:
        raise InputError(
            f"{table}: none of the {len(rows)} files that it lists exists, such as "
            f"{table.parent / rows[0].path}; paths are relative to the folder of the CSV"
        )
    there = [row for row, _ in found]
    missing = [row for row in rows if row not in {*there}]
    conditions = number_values(names, [row.values for row in there])
    sides: list[Literal["train", "val"]] = [row.split for row in there if row.split is not None]
    return FileRecordings(
        str(table),
        [row.path for row in there],
        conditions if names else no_conditions(len(there)),
        [path for _, path in found],
        list(_find_missing(missing)),
        splits=sides or None,
    )


def read_recording_table(table: Path) -> tuple[list[str], list[RecordingRow]]:
    """Return the names of the conditions, and the rows; raise InputError for a faulty file."""
    if rows := _read_ljspeech(table):
        return [], rows
    table_rows = TableRows(table, [PATH_COLUMN], give="path,label")
    names, lowered = table_rows.names, [name.lower() for name in table_rows.names]
    if "" in names or len({*lowered}) < len(lowered):
        raise InputError(f"{table}: two columns have the same name, or one has none")
    rows, faults = [], {}
    for line, cells in table_rows:
        row = dict(zip(lowered, cells, strict=False))
        split = row.get(SPLIT_COLUMN, "").lower()
        if len(cells) != len(names) or "" in cells:
            needed = f"{len(names)} values are needed ({', '.join(names)}), and none may be empty"
            faults.setdefault(needed, []).append(line)
        elif split and split not in SPLIT_NAMES:
            known = ", ".join(SPLIT_NAMES)
            faults.setdefault(f"split '{split}'; give one of {known}", []).append(line)
        else:
            values = (row[name] for name in lowered if name not in (PATH_COLUMN, SPLIT_COLUMN))
            side = ("train" if SPLIT_NAMES[split] == "train" else "val") if split else None
            rows.append(RecordingRow(line, row[PATH_COLUMN], tuple(values), side))
    table_rows.refuse_faults(faults)
    if not rows:
        raise InputError(f"{table}: has no rows below its heading")
    return [name for name in names if name.lower() not in (PATH_COLUMN, SPLIT_COLUMN)], rows


def _read_ljspeech(table: Path) -> list[RecordingRow]:
    """Return the rows of LJSpeech's metadata.csv; none if `table` is another CSV."""
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    names = [line.partition("|")[0].strip() if "|" in line else "" for line in lines]
    rows = [
        RecordingRow(number, f"wavs/{name}.wav", (), None)
        for number, name in enumerate(names, start=1)
        if name
    ]
    is_first_there = bool(names and names[0] and find_file(table.parent, rows[0].path))
    return rows if is_first_there else []


def _find_missing(missing: Sequence[RecordingRow]) -> Iterator[Finding]:
    if missing:
        yield Finding(
            code="missing_file",
            severity="warning",
            evidence=f"{count(len(missing), 'file')} left out that the CSV lists but that "
            f"{'does' if len(missing) == 1 else 'do'} not exist",
            advice="Correct the paths, which are relative to the folder of the CSV.",
            files=[f"{row.path} (line {row.line})" for row in missing],
        )
