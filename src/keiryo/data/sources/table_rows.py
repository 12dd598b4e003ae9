"""The rows of a CSV file as people and spreadsheets write it, and the files that it lists."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from keiryo.errors import InputError

SEPARATORS = (",", ";", "\t", "|")
# Excel may name the separator in a line above the heading.
SEPARATOR_LINE = "sep="
LISTED = 5


class TableRows:
    """The rows of the CSV file `table`, with at least the columns `needed`.

    Columns are separated by commas, semicolons, tabs or bars. Raises InputError if it is no
    readable CSV in UTF-8, or if a column is missing; then it says `give` instead.
    """

    def __init__(self, table: Path, needed: Sequence[str], *, give: str) -> None:
        self._table = table
        try:
            text = table.read_bytes().decode("utf-8-sig")
            self._above = 0
            if text.lower().startswith(SEPARATOR_LINE):
                self._above, text = 1, text.partition("\n")[2]
            self._text = text
            self.names = self._read_heading(needed, give)
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._not_readable(error) from None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number of the line and the cells of each row that is not empty."""
        try:
            rows = self._split(self._separator)
            next(rows, None)
            for cells in rows:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):  # spreadsheets write empty rows below the last one
                    yield rows.line_num + self._above, stripped
        except csv.Error as error:
            raise self._not_readable(error) from None

    def refuse_faults(self, faults: dict[str, list[int]]) -> None:
        """Raise InputError for the first of `faults`, which are lines by what is wrong there."""
        for fault, lines in faults.items():
            raise InputError(f"{self._table}, {_list_lines(lines)}: {fault}")

    def _read_heading(self, needed: Sequence[str], give: str) -> list[str]:
        """Return the names of the columns."""
        most: list[str] = []
        for separator in SEPARATORS:
            self._separator = separator
            names = [name.strip() for name in next(self._split(separator), [])]
            if set(needed) <= {name.lower() for name in names}:
                return names
            if len(names) > len(most):
                most = names
        lowered = [name.lower() for name in most]
        missing = " and ".join(f"'{name}'" for name in needed if name not in lowered)
        has = f"its columns are {', '.join(map(repr, most))}" if most else "it is empty"
        raise InputError(f"{self._table}: has no column {missing} ({has}); give {give}")

    def _split(self, separator: str):  # csv.reader has no public type
        text = io.StringIO(self._text, newline="")
        return csv.reader(text, delimiter=separator, skipinitialspace=True)

    def _not_readable(self, error: Exception) -> InputError:
        return InputError(f"{self._table}: not a readable CSV in UTF-8: {error}")


def find_file(folder: Path, path: str) -> Path | None:
    """Return the file at `path`, which may be written with the backslashes of Windows."""
    for written in (path, path.replace("\\", "/")):
        try:
            if (folder / written).is_file():
                return folder / written
        except (OSError, ValueError):  # a name too long for the system, say
            continue
    return None


def _list_lines(lines: Sequence[int]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]}"
    shown = ", ".join(map(str, lines[:LISTED]))
    more = f" and {len(lines) - LISTED} more" if len(lines) > LISTED else ""
    return f"lines {shown}{more}"
