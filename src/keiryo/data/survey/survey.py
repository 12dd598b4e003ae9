"""The survey of a source: its images are read once, on all cores, and near-copies are found."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from keiryo.ahead import Progress
from keiryo.data.image.facts import pixel_digest
from keiryo.data.items import LeftOut, SurveyedImage
from keiryo.data.sources.source import Source
from keiryo.data.survey.near_copies import find_near_copies, join_groups
from keiryo.data.survey.reading_pool import divide_into_parts, read_parts
from keiryo.data.survey_record import NearCopy, Survey
from keiryo.records.base import Finding
from keiryo.sentences import count, some_of


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
    images, classes, lost = _without_empty_classes(source.classes, images)
    return Survey(
        name=source.name,
        classes=classes,
        images=images,
        left_out=[entry for entry in entries if isinstance(entry, LeftOut)],
        near_copies=[
            (one, other, distance)
            for one, other, distance in near
            if images[one].facts.digest != images[other].facts.digest
        ],
        findings=[*source.findings, *_find_unreadable_classes(source, lost)],
    )


def _without_empty_classes(
    classes: Sequence[str], images: list[SurveyedImage]
) -> tuple[list[SurveyedImage], list[str], list[str]]:
    """Return the images with labels among the classes that have some, these classes, the others.

    A network would have an output for a class that it never sees.
    """
    present = {image.label for image in images}
    if not present or len(present) == len(classes):
        return images, list(classes), []
    kept = [label for label in range(len(classes)) if label in present]
    numbers = {label: number for number, label in enumerate(kept)}
    images = [replace(image, label=numbers[image.label]) for image in images]
    lost = [name for label, name in enumerate(classes) if label not in present]
    return images, [classes[label] for label in kept], lost


def _find_unreadable_classes(source: Source, lost: Sequence[str]) -> Iterator[Finding]:
    if lost:
        files = [item.name for item in source.items if source.classes[item.label] in lost]
        yield Finding(
            code="class_unreadable",
            severity="error",
            evidence=f"{count(len(lost), 'class has', 'classes have')} no image that can be read, "
            f"so no network learns {'it' if len(lost) == 1 else 'them'}: {some_of(lost)}",
            advice="Replace the files, or remove the class.",
            files=files,
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
