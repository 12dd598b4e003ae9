"""Groups of copies and near-copies, which must stay on one side of a split."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from keiryo.data.survey.near_copies import join_groups
from keiryo.data.survey_record import Survey

# A larger group of near-copies consists of images of one kind, such as X-rays, not of copies.
# If they were kept on one side, nothing would be left to split.
LARGEST_NEAR_GROUP = 100
LARGEST_NEAR_SHARE = 0.1


@dataclass(frozen=True)
class AlikeGroups:
    """A group number for each row of a survey; copies and near-copies share one.

    `too_alike` are the rows of groups that are too large; only their exact copies share a group.
    """

    groups: np.ndarray
    too_alike: np.ndarray


def group_exact_copies(survey: Survey) -> np.ndarray:
    """Return a group number for each row; images with the same pixels share one."""
    digests = [image.facts.digest for image in survey.images]
    return np.unique(digests, return_inverse=True)[1].ravel()


def group_alike(survey: Survey) -> AlikeGroups:
    """Group the rows of a survey by exact copies and near-copies."""
    exact = group_exact_copies(survey)
    groups = join_groups(exact, survey.near_copies)
    sizes = np.bincount(groups, minlength=1)
    most = max(LARGEST_NEAR_GROUP, LARGEST_NEAR_SHARE * len(exact))
    too_alike = sizes[groups] > most
    # A group of exact copies alone may have any size.
    too_alike &= sizes[groups] > np.bincount(exact, minlength=1)[exact]
    credible = [pair for pair in survey.near_copies if not too_alike[pair[0]]]
    return AlikeGroups(join_groups(exact, credible), np.flatnonzero(too_alike))


def rows_by_group(groups: np.ndarray, rows: Iterable[int] | None = None) -> list[list[int]]:
    """Return the rows of each group, of all rows or of `rows`, in the order of first occurrence."""
    found: dict[int, list[int]] = defaultdict(list)
    for row in range(len(groups)) if rows is None else rows:
        found[int(groups[row])].append(int(row))
    return list(found.values())


def class_names(survey: Survey, rows: Sequence[int]) -> list[str]:
    """Return the names of the classes of `rows`."""
    return [survey.classes[survey.images[row].label] for row in rows]
