"""The evidence of an audit: the survey of a set, and its copies, near-copies and leaks."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from keiryo.data.survey.copies import (
    AlikeGroups,
    class_names,
    group_alike,
    group_exact_copies,
    rows_by_group,
)
from keiryo.data.survey.split import has_own_split
from keiryo.data.survey_record import Survey
from keiryo.records.base import ImageGroup
from keiryo.records.data import Imbalance

# The distance of two images in one group that are not near each other, only near a third.
UNKNOWN_DISTANCE = 257


@dataclass(frozen=True)
class DataEvidence:
    """The evidence that the checks look at; each property is computed once."""

    survey: Survey

    @cached_property
    def has_own_split(self) -> bool:
        return has_own_split(self.survey)

    @cached_property
    def copies(self) -> list[list[int]]:
        """Groups of rows with the same pixels."""
        return [group for group in rows_by_group(group_exact_copies(self.survey)) if len(group) > 1]

    @cached_property
    def conflicts(self) -> list[list[int]]:
        """Groups of rows with the same pixels and several labels."""
        return [group for group in self.copies if len(set(class_names(self.survey, group))) > 1]

    @cached_property
    def near_copies(self) -> list[ImageGroup]:
        """Pairs of images that look nearly the same."""
        return [self.group([one, other], far) for one, other, far in self.survey.near_copies]

    @cached_property
    def alike(self) -> AlikeGroups:
        return group_alike(self.survey)

    @cached_property
    def leaks(self) -> list[ImageGroup]:
        """Held-out images that are training images too, each with the nearest training image."""
        if not self.has_own_split:
            return []
        splits = [image.split or "train" for image in self.survey.images]
        distances = {tuple(sorted(pair[:2])): pair[2] for pair in self.survey.near_copies}
        leaks = []
        for group in rows_by_group(self.alike.groups):
            training = [row for row in group if splits[row] == "train"]
            for row in group if training else ():
                if splits[row] != "train":
                    far, nearest = min((self._distance(distances, row, o), o) for o in training)
                    known = None if far == UNKNOWN_DISTANCE else far
                    leaks.append(self.group([nearest, row], known))
        return leaks

    @cached_property
    def imbalance(self) -> Imbalance:
        counts = Counter(image.label for image in self.survey.images)
        names = self.survey.classes
        largest = max(range(len(names)), key=lambda label: counts[label])
        smallest = min(range(len(names)), key=lambda label: counts[label])
        return Imbalance(
            largest=names[largest],
            largest_images=counts[largest],
            smallest=names[smallest],
            smallest_images=counts[smallest],
            ratio=round(counts[largest] / max(1, counts[smallest]), 2),
        )

    def group(self, rows: list[int], distance: int | None = None) -> ImageGroup:
        """Return the images in `rows` as a record."""
        images = [self.survey.images[row] for row in rows]
        return ImageGroup(
            files=[image.name for image in images],
            labels=class_names(self.survey, rows),
            splits=[image.split or "" for image in images] if self.has_own_split else [],
            distance=distance,
        )

    def groups(self, groups: list[list[int]]) -> list[ImageGroup]:
        """Return groups of rows as records."""
        return [self.group(rows) for rows in groups]

    def _distance(self, distances: dict[tuple[int, ...], int], one: int, other: int) -> int:
        images = self.survey.images
        if images[one].facts.digest == images[other].facts.digest:
            return 0
        return distances.get(tuple(sorted((one, other))), UNKNOWN_DISTANCE)
