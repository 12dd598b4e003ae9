"""A CSV file that lists images, with the columns path, label and, optionally, split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.image_files import FileSource, FoundImage, open_images
from keiryo.data.sources.table_rows import TableRows, find_file
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.sentences import count

NEEDED_COLUMNS = ("path", "label")


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
    rows = list(_read_rows(table))
    if not rows:
        raise InputError(f"{table}: has no rows below its heading")
    found: list[FoundImage] = []
    missing: list[TableRow] = []
    for row in rows:
        image = find_file(table.parent, row.path)
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


def _read_rows(table: Path) -> Iterator[TableRow]:
    rows = TableRows(table, NEEDED_COLUMNS, give="path,label or path,label,split")
    names = [name.lower() for name in rows.names]
    faults: dict[str, list[int]] = {}
    for line, cells in rows:
        row = dict(zip(names, cells, strict=False))
        split = row.get("split", "").lower()
        if not all(row.get(name) for name in NEEDED_COLUMNS):
            faults.setdefault("path or label is empty", []).append(line)
        elif split and split not in SPLIT_NAMES:
            fault = f"split is '{split}'; give train, val or test"
            faults.setdefault(fault, []).append(line)
        else:
            known = SPLIT_NAMES[split] if split else None
            yield TableRow(line, row["path"], row["label"], known)
    rows.refuse_faults(faults)


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
