"""All pictures of a source looked at once, on all cores: what each is, and which are alike."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keiryo.ahead import Progress
from keiryo.data.image.facts import pixel_digest
from keiryo.data.items import LeftOut, Picture
from keiryo.data.sources.source import Source
from keiryo.data.survey.near_copies import find_near_copies, joined
from keiryo.data.survey.reading_pool import parts_of, read_parts
from keiryo.data.survey_record import NearCopy, Survey


def survey(
    source: Source, *, workers: int, progress: Progress = lambda done, total: None
) -> Survey:
    """Read all pictures of `source` and return what they are; nothing is written.

    `progress` is told how many are done, of how many.
    """
    if (known := source.known_survey()) is not None:
        return known
    total = len(source.items)
    entries: list[Picture | LeftOut] = []
    for part in read_parts(source, parts_of(total), workers=workers):
        entries += part.entries
        progress(len(entries), total)
    return concluded(source, entries)


def concluded(source: Source, entries: Sequence[Picture | LeftOut]) -> Survey:
    """Return the survey of `source` whose pictures were read as `entries`, in order."""
    rows = [index for index, entry in enumerate(entries) if isinstance(entry, Picture)]
    pictures = [entry for entry in entries if isinstance(entry, Picture)]
    near = find_near_copies([picture.facts.hash for picture in pictures])
    pictures = _with_copies_across_scales(source, rows, pictures, near)
    return Survey(
        name=source.name,
        classes=list(source.classes),
        pictures=pictures,
        left_out=[entry for entry in entries if isinstance(entry, LeftOut)],
        near_copies=[
            (one, other, distance)
            for one, other, distance in near
            if pictures[one].facts.digest != pictures[other].facts.digest
        ],
        findings=list(source.findings),
    )


def _with_copies_across_scales(
    source: Source, rows: Sequence[int], pictures: list[Picture], near: Sequence[NearCopy]
) -> list[Picture]:
    """Give the same digest to pictures of the same pixels that were decoded at different scales.

    Only a JPEG is decoded at a smaller one; so a copy of it as PNG can be told by its
    own pixels alone, which are looked at where pictures look the same and are as large.
    """
    pictures = list(pictures)
    similar: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    groups = joined(np.arange(len(pictures)), near)
    for row in sorted({row for pair in near for row in pair[:2]}):
        facts = pictures[row].facts
        similar[int(groups[row]), facts.width, facts.height].append(row)
    for group in similar.values():
        if len({pictures[row].facts.scale for row in group}) == 1:
            continue
        digests: dict[str, str] = {}
        for row in group:
            whole = pixel_digest(source.read_whole(rows[row]))
            digest = digests.setdefault(whole, pictures[row].facts.digest)
            facts = replace(pictures[row].facts, digest=digest)
            pictures[row] = replace(pictures[row], facts=facts)
    return pictures
