"""The finding about files in formats of images that are not read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from keiryo.records.base import Finding
from keiryo.sentences import count


def find_unread(names: Sequence[str]) -> Iterator[Finding]:
    """Find files in formats of images that are not read: `unread_format`."""
    if names:
        yield Finding(
            code="unread_format",
            severity="warning",
            evidence=f"{count(len(names), 'image', 'images')} left out, in formats that are not "
            f"read: {list_formats(names)}",
            advice="Convert them to JPEG or PNG.",
            files=list(names),
        )


def list_formats(names: Sequence[str]) -> str:
    """Return how many of the files `names` have each suffix, the most frequent first."""
    suffixes = Counter(PurePath(name).suffix.lower() or "no suffix" for name in names)
    return ", ".join(f"{number} {suffix}" for suffix, number in suffixes.most_common())
