"""The comparison of a pack with the recordings of a source, judged by their content.

Copying, renaming or touching files changes no recording.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from keiryo.recordings.conditions import Category
from keiryo.recordings.pack import RecordingPackHeader
from keiryo.recordings.sources.source import RecordingSource
from keiryo.sealed_pack import Difference

READERS = 8  # threads; reading waits for the disk more than it computes

# The values of a recording's conditions, its split and its content.
Kind = tuple[tuple[str, ...], str | None, str]


def difference(header: RecordingPackHeader, source: RecordingSource) -> Difference:
    """Return how the recordings of `source` differ from those of a pack. Every file is read."""
    with ThreadPoolExecutor(READERS) as readers:
        contents = list(readers.map(source.content, range(len(source.names))))
    entries = (*header.recordings, *header.left_out)
    known = [content for content in contents if content is not None]
    names = [category.name for category in header.categories]
    has_other_names = names != [category.name for category in source.conditions.categories]
    if len(known) < len(contents) or not all(e.content for e in entries) or has_other_names:
        return Difference(noun="recording", is_known=False)
    then: Counter[Kind] = Counter(
        (_values(header.categories, recording.labels), recording.split, recording.content)
        for recording in header.recordings
    )
    splits = source.splits or [None] * len(known)
    now: Counter[Kind] = Counter(
        (_values(source.conditions.categories, labels), split, content)
        for labels, split, content in zip(source.conditions.labels, splits, known, strict=True)
    )
    gone = (then - now).total()
    # Those that could not be used have neither conditions nor a split in a pack.
    new = Counter(content for _, _, content in (now - then).elements())
    unused = Counter(entry.content for entry in header.left_out)
    gone += (unused - new).total()
    return Difference((new - unused).total(), gone, "recording")


def _values(categories: Sequence[Category], labels: Sequence[int]) -> tuple[str, ...]:
    return tuple(category.values[label] for category, label in zip(categories, labels, strict=True))
