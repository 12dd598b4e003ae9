"""Conditions of recordings, such as the speaker, the spoken digit or the pitch.

A recording has one value of each category. The network gets the numbers of the values.
"""

import difflib
import re
from collections.abc import Mapping, Sequence

from keiryo.errors import InputError
from keiryo.records.base import Record


class Category(Record):
    """A condition of recordings, and its values in order."""

    name: str
    values: list[str]


class Conditions(Record):
    """The categories of a set, and for each recording the numbers of its values."""

    categories: list[Category]
    labels: list[list[int]]


def find_conditions(
    names: Sequence[str], pattern: str, *, paths: Sequence[str] | None = None
) -> Conditions:
    r"""Return the conditions that `pattern` finds in the files' `names`, without their folders.

    Each named group is a category, as in `(?P<digit>\d)_(?P<speaker>[a-z]+)_`; the pattern may
    match anywhere in a name. If it does not match each name, it is searched in `paths`, the names
    with their folders, as in `(?P<word>\w+)/`. Raises InputError if it is not a regular expression,
    has no named group, or matches neither all names nor all paths.
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
    unmatched: list[str] = []
    for texts in (names, paths or ()):
        matches = [searched.search(text) for text in texts]
        rows = [[match[group] if match else None for group in groups] for match in matches]
        missing = [text for text, row in zip(texts, rows, strict=True) if None in row]
        if texts and not missing:
            return number_values(groups, [[str(value) for value in row] for row in rows])
        unmatched = unmatched or missing
    raise InputError(
        f"{unmatched[0]}: does not match --condition '{pattern}'"
        + (f" ({len(unmatched)} of {len(names)} names do not)" if len(unmatched) > 1 else "")
        + (", nor do all names with their folders" if paths else "")
        + "; change the pattern, or move the other files out"
    )


def written_conditions(values: Mapping[str, str]) -> str:
    """Return the values by category as `choose_labels` reads them: `digit=3,speaker=theo`."""
    return ",".join(f"{name}={value}" for name, value in values.items())


def choose_labels(categories: Sequence[Category], text: str) -> list[int]:
    """Return, for each category, the number of the value in `text`: `digit=3,speaker=theo`.

    A value may have commas in it. Raises InputError unless `text` gives exactly one known value of
    each category.
    """
    shown = f"--condition {text}" if text else "--condition"
    given = _known_values(categories, text) or _any_values(categories, text)
    labels: list[int] = []
    for category in categories:
        if category.name not in given:
            example = f"{category.name}={category.values[0]}"
            raise InputError(f"{shown}: add {category.name}, for example {example}")
        value = given[category.name]
        if value not in category.values:
            nearest = difflib.get_close_matches(value, category.values, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            known = ", ".join(category.values[:20]) + (", ..." if category.values[20:] else "")
            raise InputError(
                f"{shown}: {category.name} has no value '{value}'{hint} It has {known}"
            )
        labels.append(category.values.index(value))
    return labels


def _known_values(categories: Sequence[Category], text: str) -> dict[str, str] | None:
    """Return the values in `text` if it is made of known ones, each category at most once."""
    given: dict[str, str] = {}
    by_name = {category.name: category for category in categories}
    rest = text.strip()
    while rest:
        name, _, rest = rest.partition("=")
        category = by_name.get(name.strip())
        if category is None or category.name in given:
            return None
        rest = rest.lstrip()
        # The longest first, since one may be the beginning of another.
        for value in sorted(category.values, key=len, reverse=True):
            behind = rest.removeprefix(value).lstrip()
            if rest.startswith(value) and (not behind or behind.startswith(",")):
                given[category.name] = value
                rest = behind.removeprefix(",").lstrip()
                break
        else:
            return None
    return given


def _any_values(categories: Sequence[Category], text: str) -> dict[str, str]:
    """Return the values in `text`, known or not, cut at its commas."""
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
    return given


def refuse_condition(condition: str | None, data: str, reason: str) -> None:
    """Raise InputError if a pattern `condition` is given for `data`, which takes none."""
    if condition is not None:
        raise InputError(f"--condition '{condition}': {data} {reason}; leave the option out")


def no_conditions(recordings: int) -> Conditions:
    """Return the conditions of `recordings` recordings without any category."""
    return Conditions(categories=[], labels=[[] for _ in range(recordings)])


def number_values(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Conditions:
    """Return the conditions of categories `names`, of which each of `rows` has its values."""
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
