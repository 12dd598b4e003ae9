"""Numbers with their nouns and lists of names, in sentences that several rooms write."""

from collections.abc import Sequence

NAMED = 8


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: 1 thread, 2,000 threads.

    `one` is the noun, with or without more words, for 1; `many` that for others, by default with
    an s: 1 image is, 2 images are.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def some_of(names: Sequence[str], *, joint: str = ", ", most: int = NAMED) -> str:
    """Return the first `most` of `names` in a sentence, and how many more there are.

    `joint` stands between them if they are all there.
    """
    if len(names) <= most + 1:  # to name one more is no longer than to count it
        return joint.join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def disk_space(size: int) -> str:
    """Return bytes in decimal units: 2871234 as 2.87 MB."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size} bytes"
