"""The split of images into training and held-out ones."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from keiryo.data.items import SurveyedImage
from keiryo.data.survey.copies import AlikeGroups, group_alike, rows_by_group
from keiryo.data.survey_record import Survey
from keiryo.errors import InputError
from keiryo.records.base import Finding

FOLDS = 5  # parts of each class; one is held out


def _no_rows() -> np.ndarray:
    return np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Splits:
    """Rows of a survey; no image, copy or near-copy is on both sides.

    `leaked_val` and `leaked_test` are held-out images of the owner's split that are training
    images too. They are not in `val` or `test`, since the accuracy over them would be too high.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    leaked_val: np.ndarray = field(default_factory=_no_rows)
    leaked_test: np.ndarray = field(default_factory=_no_rows)
    findings: list[Finding] = field(default_factory=list)


def split_images(survey: Survey, *, seed: int, fold: int = 0) -> Splits:
    """Split the rows of a survey into training and held-out images.

    The owner's split is kept, except that held-out copies and near-copies of training images
    are left out. Without an owner's split, a fifth of each class is held out, chosen by `seed`;
    copies and near-copies stay on one side. Each of the five folds, from 0, holds out another
    fifth; an owner's split has a single fold. Raises InputError if fewer than two classes have
    training images, or if no held-out image is left.
    """
    alike = group_alike(survey)
    if has_own_split(survey):
        splits = _owner_split(survey.images, alike)
    else:
        splits = _stratified_split(survey, alike, seed, fold)
    _check(survey, splits)
    return splits


def has_own_split(survey: Survey) -> bool:
    """Return whether the set has held-out images of its owner's choice."""
    return any(image.split in ("val", "test") for image in survey.images)


def _owner_split(images: Sequence[SurveyedImage], alike: AlikeGroups) -> Splits:
    rows = {
        split: np.array(
            [row for row, image in enumerate(images) if (image.split or "train") == split],
            dtype=np.int64,
        )
        for split in ("train", "val", "test")
    }
    if rows["val"].size == 0:
        rows["val"], rows["test"] = rows["test"], rows["val"]
    is_leaked = np.isin(alike.groups, alike.groups[rows["train"]])
    val, test = rows["val"], rows["test"]
    return Splits(
        train=rows["train"],
        val=val[~is_leaked[val]],
        test=test[~is_leaked[test]],
        leaked_val=val[is_leaked[val]],
        leaked_test=test[is_leaked[test]],
    )


def _stratified_split(survey: Survey, alike: AlikeGroups, seed: int, fold: int) -> Splits:
    # A group with several labels counts for the label of its first image.
    groups_of_class: dict[int, list[list[int]]] = defaultdict(list)
    for group in rows_by_group(alike.groups):
        groups_of_class[survey.images[group[0]].label].append(group)
    held_out: set[int] = set()
    findings = []
    for label, class_groups in sorted(groups_of_class.items()):
        if len(class_groups) < 2:
            findings.append(
                Finding(
                    code="class_too_small",
                    severity="error",
                    evidence=f"class '{survey.classes[label]}' has only one image"
                    + (f", in {copies} copies" if (copies := len(class_groups[0])) > 1 else "")
                    + ", so none could be held out",
                    advice="It is trained on, but its accuracy is not measured. "
                    "Add images or remove the class.",
                    files=[survey.images[row].name for row in class_groups[0]],
                )
            )
            continue
        order = np.random.default_rng((seed, label)).permutation(len(class_groups))
        held_out.update(row for index in _fold_of(order, fold) for row in class_groups[index])
    rows = np.arange(len(survey.images))
    is_held_out = np.isin(rows, list(held_out))
    return Splits(rows[~is_held_out], rows[is_held_out], _no_rows(), findings=findings)


def _fold_of(order: np.ndarray, fold: int) -> np.ndarray:
    if len(order) < FOLDS:
        return order[[fold % len(order)]]
    first, last = (round(number * len(order) / FOLDS) for number in (fold, fold + 1))
    return order[first:last]


def _check(survey: Survey, splits: Splits) -> None:
    classes = {survey.images[row].label for row in splits.train}
    if len(classes) < 2:
        names = ", ".join(f"'{survey.classes[label]}'" for label in sorted(classes)) or "none"
        raise InputError(
            f"{survey.name}: fewer than two classes have readable training images ({names})"
        )
    if splits.val.size == 0:
        raise InputError(
            f"{survey.name}: no held-out image is left to measure accuracy with: there is none, or "
            "each is a training image too; add others"
        )
