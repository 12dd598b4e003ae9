"""The survey of a source: its images are read once, on all cores, and near-copies are found."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from keiryo.ahead import Progress
from keiryo.data.image.facts import pixel_digest
from keiryo.data.items import LeftOut, SurveyedImage
from keiryo.data.sources.source import Source
from keiryo.data.survey.near_copies import find_near_copies, join_groups
from keiryo.data.survey.reading_pool import divide_into_parts, read_parts
from keiryo.data.survey_record import NearCopy, Survey


def survey(
    source: Source, *, workers: int, progress: Progress = lambda done, total: None
) -> Survey:
    """Read all images of `source` and return their survey; nothing is written.

    `progress` is told the number of images done and the number of all.
    """
    if (known := source.known_survey()) is not None:
        return known
    total = len(source.items)
    entries: list[SurveyedImage | LeftOut] = []
    for part in read_parts(source, divide_into_parts(total), workers=workers):
        entries += part.entries
        progress(len(entries), total)
    return conclude_survey(source, entries)


def conclude_survey(source: Source, entries: Sequence[SurveyedImage | LeftOut]) -> Survey:
    """Return the survey of `source`, given the `entries` of all its images in order."""
    rows = [index for index, entry in enumerate(entries) if isinstance(entry, SurveyedImage)]
    images = [entry for entry in entries if isinstance(entry, SurveyedImage)]
    near = find_near_copies([image.facts.hash for image in images])
    images = _with_copies_across_scales(source, rows, images, near)
    return Survey(
        name=source.name,
        classes=list(source.classes),
        images=images,
        left_out=[entry for entry in entries if isinstance(entry, LeftOut)],
        near_copies=[
            (one, other, distance)
            for one, other, distance in near
            if images[one].facts.digest != images[other].facts.digest
        ],
        findings=list(source.findings),
    )


def _with_copies_across_scales(
    source: Source, rows: Sequence[int], images: list[SurveyedImage], near: Sequence[NearCopy]
) -> list[SurveyedImage]:
    """Give the same digest to images with the same pixels that were decoded at different scales.

    Only JPEG files are decoded at a smaller scale, so a PNG copy of one has another digest.
    Near-copies of the same size but another scale are therefore decoded whole and compared.
    """
    images = list(images)
    similar: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    groups = join_groups(np.arange(len(images)), near)
    for row in sorted({row for pair in near for row in pair[:2]}):
        facts = images[row].facts
        similar[int(groups[row]), facts.width, facts.height].append(row)
    for group in similar.values():
        if len({images[row].facts.scale for row in group}) == 1:
            continue
        digests: dict[str, str] = {}
        for row in group:
            whole = pixel_digest(source.read_whole(rows[row]))
            digest = digests.setdefault(whole, images[row].facts.digest)
            facts = replace(images[row].facts, digest=digest)
            images[row] = replace(images[row], facts=facts)
    return images
