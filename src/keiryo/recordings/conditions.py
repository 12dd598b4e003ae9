"""Conditions of recordings, such as the speaker, the spoken digit or the pitch.

A recording has one value of each category. The network gets the numbers of the values.
"""

import csv
import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from keiryo.errors import InputError
from keiryo.records.base import Record

PATH_COLUMN = "path"


class Category(Record):
    """A condition of recordings, and its values in order."""

    name: str
    values: list[str]


class Conditions(Record):
    """The categories of a set, and for each recording the numbers of its values."""

    categories: list[Category]
    labels: list[list[int]]


def find_conditions(names: Sequence[str], pattern: str) -> Conditions:
    r"""Return the conditions that `pattern` finds in the files' `names`, without their folders.

    Each named group is a category, as in `(?P<digit>\d)_(?P<speaker>[a-z]+)_`; the pattern may
    match anywhere in a name. Raises InputError if it is not a regular expression, has no named
    group, or does not match each name.
    """
    try:
        searched = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--condition '{pattern}': not a regular expression: {error}") from None
    groups = list(searched.groupindex)
    if not groups:
        raise InputError(
            f"--condition '{pattern}': names no group; write (?P<speaker>...) around the part of "
            "a file's name that is the speaker"
        )
    matches = [searched.search(name) for name in names]
    rows = [[match[group] if match else None for group in groups] for match in matches]
    unmatched = [name for name, row in zip(names, rows, strict=True) if None in row]
    if unmatched:
        raise InputError(
            f"{unmatched[0]}: does not match --condition '{pattern}'"
            + (f" ({len(unmatched)} of {len(names)} names do not)" if len(unmatched) > 1 else "")
            + "; change the pattern, or move the other files out"
        )
    return _number_values(groups, [[str(value) for value in row] for row in rows])


def read_condition_table(path: Path) -> tuple[list[str], Conditions]:
    """Return the paths that a CSV lists, and the conditions in its other columns.

    The column `path` is relative to the folder of the CSV; each other column is a category. Raises
    InputError if the CSV has no such column or if a value is missing.
    """
    paths: list[str] = []
    values: list[list[str]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            heading = [name.strip() for name in next(rows, [])]
            lowered = [name.lower() for name in heading]
            if PATH_COLUMN not in lowered:
                raise InputError(f"{path}: has no column 'path'; give path,label")
            if "split" in lowered:
                raise InputError(
                    f"{path}: has a column 'split'; recordings are split by --seed, so leave it out"
                )
            if "" in heading or len(set(lowered)) < len(lowered):
                raise InputError(f"{path}: two columns have the same name, or one has none")
            place = lowered.index(PATH_COLUMN)
            for row in rows:
                if not row:
                    continue
                row = [value.strip() for value in row]
                if len(row) != len(heading) or "" in row:
                    raise InputError(
                        f"{path}, line {rows.line_num}: {len(heading)} values are needed "
                        f"({', '.join(heading)}), and none may be empty"
                    )
                paths.append(row.pop(place))
                values.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV in UTF-8: {error}") from None
    if not paths:
        raise InputError(f"{path}: has no rows below its heading")
    heading.pop(place)
    return paths, _number_values(heading, values)


def choose_labels(categories: Sequence[Category], text: str) -> list[int]:
    """Return, for each category, the number of the value in `text`: `digit=3,speaker=theo`.

    Raises InputError unless `text` gives exactly one known value of each category.
    """
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        names = [category.name for category in categories]
        if not equals or name not in names:
            known = ", ".join(names) or "none"
            raise InputError(f"--condition {text}: no condition '{name}'; there is {known}")
        if name in given:
            raise InputError(f"--condition {text}: '{name}' is given twice")
        given[name] = value
    labels: list[int] = []
    for category in categories:
        if category.name not in given:
            example = f"{category.name}={category.values[0]}"
            raise InputError(f"--condition {text}: add {category.name}, for example {example}")
        value = given[category.name]
        if value not in category.values:
            nearest = difflib.get_close_matches(value, category.values, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            shown = ", ".join(category.values[:20]) + (", ..." if category.values[20:] else "")
            raise InputError(
                f"--condition {text}: {category.name} has no value '{value}'{hint} It has {shown}"
            )
        labels.append(category.values.index(value))
    return labels


def refuse_condition(condition: str | None, data: str, reason: str) -> None:
    """Raise InputError if a pattern `condition` is given for `data`, which takes none."""
    if condition is not None:
        raise InputError(f"--condition '{condition}': {data} {reason}; leave the option out")


def no_conditions(recordings: int) -> Conditions:
    """Return the conditions of `recordings` recordings without any category."""
    return Conditions(categories=[], labels=[[] for _ in range(recordings)])


def _number_values(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Conditions:
    categories = [
        Category(name=name, values=sorted({row[column] for row in rows}, key=_sort_key))
        for column, name in enumerate(names)
    ]
    numbers = [{value: n for n, value in enumerate(category.values)} for category in categories]
    labels = [[number[value] for number, value in zip(numbers, row, strict=True)] for row in rows]
    return Conditions(categories=categories, labels=labels)


def _sort_key(value: str) -> tuple[bool, int, str]:
    # 10 comes after 9, and other text after all numbers.
    is_number = value.isascii() and value.isdecimal()
    return (not is_number, int(value) if is_number else 0, value)
