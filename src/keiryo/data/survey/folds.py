"""The images of a class that a fold holds out."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xxhash

from keiryo.data.survey.identity import identity_of
from keiryo.data.survey_record import Survey

FOLDS = 5  # parts of each class; one is held out
# The ends of a fold may be off by this share of a class, so that images keep their fold when others
# are added. Exact fifths would move some images each time.
SLACK = 0.04

# What an image's side is chosen by: its content, or its place in its class as in earlier versions.
SplitBy = Literal["content", "order"]


def fold_by_content(
    survey: Survey, groups: Sequence[Sequence[int]], seed: int, fold: int
) -> list[int]:
    """Return the numbers of those `groups` of rows, of one class, that `fold` holds out.

    Each group gets a number from 0 to 1 by the content of one of its images and `seed`, and is held
    out by the fifth that it lies in. The ends of the fifths are moved as far as is needed for each
    to hold a fifth of the groups, within `SLACK`. Of fewer than five groups, each fold holds out
    one, until each was held out.
    """
    # One image stands for its group; the least of all places would favour large groups.
    identities = [min(identity_of(survey.images[row]) for row in group) for group in groups]
    places = np.array([_place(identity, seed) for identity in identities])
    # Equal places are those of equal images, and these are in one group.
    order = np.argsort(places, kind="stable")
    total = len(order)
    if total < FOLDS:
        return order[fold : fold + 1].tolist()
    slack = int(SLACK * total)
    ends = [0]
    for number in range(1, FOLDS):
        exact = round(number * total / FOLDS)
        by_place = int((places < number / FOLDS).sum())
        ends.append(min(max(by_place, exact - slack), exact + slack))
    ends.append(total)
    return order[ends[fold] : ends[fold + 1]].tolist()


def fold_by_order(total: int, seed: tuple[int, int], fold: int) -> list[int]:
    """Return the numbers of the groups, of `total`, that `fold` held out in earlier versions."""
    order = np.random.default_rng(seed).permutation(total)
    if total < FOLDS:
        return [int(order[fold % total])]
    first, last = (round(number * total / FOLDS) for number in (fold, fold + 1))
    return order[first:last].tolist()


def _place(identity: str, seed: int) -> float:
    return xxhash.xxh3_64_intdigest(f"{seed}:{identity}".encode()) / 2**64
