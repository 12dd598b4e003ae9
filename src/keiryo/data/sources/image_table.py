"""A CSV file that lists images, with the columns path, label and, optionally, split."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.image_files import FileSource, FoundImage, open_images
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.sentences import count

SEPARATORS = (",", ";", "\t", "|")
NEEDED_COLUMNS = ("path", "label")
# Excel may name the separator in a line above the heading.
SEPARATOR_LINE = "sep="
LISTED = 5


@dataclass(frozen=True)
class TableRow:
    """A row of the file: its line, and what it says."""

    line: int
    path: str
    label: str
    split: Split | None


def is_table(data: str) -> bool:
    """Return whether `data` is a .csv file."""
    return Path(data).is_file() and Path(data).suffix.lower() == ".csv"


def open_table(data: str) -> FileSource:
    """Return the images that the CSV file `data` lists; files that do not exist are a finding.

    Raises InputError for a missing column, incomplete rows, unknown splits, or if no file exists.
    """
    table = Path(data)
    try:
        text = table.read_bytes().decode("utf-8-sig")
        rows = list(_read_rows(table, text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{table}: not a readable CSV in UTF-8: {error}") from None
    if not rows:
        raise InputError(f"{table}: has no rows below its heading")
    found: list[FoundImage] = []
    missing: list[TableRow] = []
    for row in rows:
        image = _find_file(table.parent, row.path)
        if image is None:
            missing.append(row)
        else:
            found.append(FoundImage(row.path, row.label, row.split, image))
    if not found:
        raise InputError(
            f"{table}: none of the {len(rows)} files that it lists exists, such as "
            f"{table.parent / rows[0].path}; paths are relative to the folder of the CSV"
        )
    return open_images(data, found, list(_find_missing(missing, {row.label for row in found})))


def _read_rows(table: Path, text: str) -> Iterator[TableRow]:
    above = 0
    if text.lower().startswith(SEPARATOR_LINE):
        above, text = 1, text.partition("\n")[2]
    separator, names = _read_heading(table, text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    next(rows, None)
    faults: dict[str, list[int]] = {}
    for cells in rows:
        line = rows.line_num + above
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        if not any(row.values()):
            continue  # spreadsheets write such rows below the last one
        split = row.get("split", "").lower()
        if not all(row.get(name) for name in NEEDED_COLUMNS):
            faults.setdefault("path or label is empty", []).append(line)
        elif split and split not in SPLIT_NAMES:
            fault = f"split is '{split}'; give train, val or test"
            faults.setdefault(fault, []).append(line)
        else:
            known = SPLIT_NAMES[split] if split else None
            yield TableRow(line, row["path"], row["label"], known)
    for fault, lines in faults.items():
        raise InputError(f"{table}, {_list_lines(lines)}: {fault}")


def _read_heading(table: Path, text: str) -> tuple[str, list[str]]:
    """Return the separator and the names of the columns, in lower case."""
    most: list[str] = []
    for separator in SEPARATORS:
        lines = csv.reader(
            io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True
        )
        names = [name.strip().lower() for name in next(lines, [])]
        if set(NEEDED_COLUMNS) <= set(names):
            return separator, names
        if len(names) > len(most):
            most = names
    missing = " and ".join(f"'{name}'" for name in NEEDED_COLUMNS if name not in most)
    has = f"its columns are {', '.join(repr(name) for name in most)}" if most else "it is empty"
    raise InputError(
        f"{table}: has no column {missing} ({has}); give path,label or path,label,split"
    )


def _find_file(folder: Path, path: str) -> Path | None:
    """Return the file at `path`, which may be written with the backslashes of Windows."""
    for written in (path, path.replace("\\", "/")):
        try:
            if (folder / written).is_file():
                return folder / written
        except (OSError, ValueError):  # a name too long for the system, say
            continue
    return None


def _find_missing(missing: Sequence[TableRow], labels: set[str]) -> Iterator[Finding]:
    if missing:
        yield Finding(
            code="missing_file",
            severity="warning",
            evidence=f"{count(len(missing), 'file', 'files')} left out that the CSV lists but that "
            f"{'does' if len(missing) == 1 else 'do'} not exist",
            advice="Correct the paths, which are relative to the folder of the CSV.",
            files=[f"{row.path} (line {row.line})" for row in missing],
        )
    if empty := sorted({row.label for row in missing} - labels):
        yield Finding(
            code="empty_class",
            severity="warning",
            evidence=f"{count(len(empty), 'class', 'classes')} left out, of which no file exists",
            advice="Correct the paths of its images.",
            files=empty,
        )


def _list_lines(lines: Sequence[int]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    shown = ", ".join(map(str, lines[:LISTED]))
    more = f" and {len(lines) - LISTED} more" if len(lines) > LISTED else ""
    return f"lines {shown}{more}"
