"""The split of images into training and held-out ones."""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from keiryo.data.items import SurveyedImage
from keiryo.data.survey.copies import AlikeGroups, group_alike, rows_by_group
from keiryo.data.survey.folds import FOLDS, SplitBy, fold_by_content, fold_by_order
from keiryo.data.survey.identity import known_images
from keiryo.data.survey_record import Survey
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.sentences import some_of

__all__ = ["FOLDS", "SplitBy", "Splits", "has_own_split", "split_images"]


def _no_rows() -> np.ndarray:
    return np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Splits:
    """Rows of a survey; no image, copy or near-copy is on both sides.

    `leaked_val` and `leaked_test` are held-out images of the owner's split that are training
    images too. `seen` are images that would be held out, but that the weights of the start were
    trained on. None of these are in `val` or `test`, since the accuracy over them would be too
    high.
    """

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    leaked_val: np.ndarray = field(default_factory=_no_rows)
    leaked_test: np.ndarray = field(default_factory=_no_rows)
    seen: np.ndarray = field(default_factory=_no_rows)
    findings: list[Finding] = field(default_factory=list)


def split_images(
    survey: Survey,
    *,
    seed: int,
    fold: int = 0,
    by: SplitBy = "content",
    seen: Set[str] = frozenset(),
) -> Splits:
    """Split the rows of a survey into training and held-out images.

    The owner's split is kept, except that held-out copies and near-copies of training images
    are left out. Without an owner's split, about a fifth of each class is held out, chosen by the
    content of the images and `seed`: most images stay on their side when others are added. Copies
    and near-copies stay on one side. Each of the five folds, from 0, holds out other images, and
    every image of a class of two or more is held out in one of them; an owner's split has a single
    fold. `by` "order" is the split of earlier versions, by the place of an image in its class.

    `seen` are the marks (`keiryo.data.survey.identity`) of images that the weights of the start
    were trained on: these, and their copies and near-copies, are held out by no split. Raises
    InputError if fewer than two classes have training images, or if no held-out image is left.
    """
    alike = group_alike(survey)
    if has_own_split(survey):
        splits = _owner_split(survey.images, alike)
    else:
        splits = _stratified_split(survey, alike, seed, fold, by)
    if seen:
        splits = _without_seen(survey, splits, alike, seen)
    _check(survey, splits, fold)
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


def _stratified_split(
    survey: Survey, alike: AlikeGroups, seed: int, fold: int, by: SplitBy
) -> Splits:
    # A group with several labels counts for the label of its first image.
    groups_of_class: dict[int, list[list[int]]] = defaultdict(list)
    for group in rows_by_group(alike.groups):
        groups_of_class[survey.images[group[0]].label].append(group)
    held_out: set[int] = set()
    findings = []
    for label, class_groups in sorted(groups_of_class.items()):
        if len(class_groups) < 2:
            findings.append(_too_small(survey, label, class_groups[0]))
            continue
        chosen = (
            fold_by_order(len(class_groups), (seed, label), fold)
            if by == "order"
            else fold_by_content(survey, class_groups, seed, fold)
        )
        held_out.update(row for index in chosen for row in class_groups[index])
    rows = np.arange(len(survey.images))
    is_held_out = np.isin(rows, list(held_out))
    return Splits(rows[~is_held_out], rows[is_held_out], _no_rows(), findings=findings)


def _too_small(survey: Survey, label: int, group: Sequence[int]) -> Finding:
    return Finding(
        code="class_too_small",
        severity="error",
        evidence=f"class '{survey.classes[label]}' has only one image"
        + (f", in {len(group)} copies" if len(group) > 1 else "")
        + ", so none could be held out",
        advice="It is trained on, but its accuracy is not measured. "
        "Add images or remove the class.",
        files=[survey.images[row].name for row in group],
    )


def _without_seen(survey: Survey, splits: Splits, alike: AlikeGroups, seen: Set[str]) -> Splits:
    known = np.flatnonzero(known_images(survey, seen))
    is_seen = np.isin(alike.groups, alike.groups[known])
    leaked = [rows[is_seen[rows]] for rows in (splits.val, splits.test)]
    rows = np.concatenate(leaked)
    if rows.size == 0:
        return splits
    held_out = len(splits.val) + len(splits.test)
    if leaked[0].size == splits.val.size > 0:
        raise InputError(
            f"--pretrained: its weights were trained on all {splits.val.size} images of "
            f"{survey.name} that would be held out, so no accuracy could be measured; give the "
            "--seed of that training, which holds out the same images, or other weights"
        )
    classes = {survey.images[row].label for row in splits.val}
    left = {survey.images[row].label for row in splits.val[~is_seen[splits.val]]}
    lost = [survey.classes[label] for label in sorted(classes - left)]
    finding = Finding(
        code="seen_by_start",
        severity="warning",
        evidence=f"the pretrained weights were trained on {rows.size} of the {held_out} images "
        "that would be held out, or on copies of them"
        + (f"; no held-out image is left of {some_of(lost)}" if lost else ""),
        advice="They are left out, since the accuracy would be too high with them. With the --seed "
        "of that training, the same images are held out again.",
        files=[survey.images[row].name for row in rows],
    )
    return replace(
        splits,
        val=splits.val[~is_seen[splits.val]],
        test=splits.test[~is_seen[splits.test]],
        leaked_val=splits.leaked_val[~is_seen[splits.leaked_val]],
        leaked_test=splits.leaked_test[~is_seen[splits.leaked_test]],
        seen=rows,
        findings=[*splits.findings, finding],
    )


def _check(survey: Survey, splits: Splits, fold: int) -> None:
    classes = {survey.images[row].label for row in splits.train}
    if len(classes) < 2:
        names = ", ".join(f"'{survey.classes[label]}'" for label in sorted(classes)) or "none"
        raise InputError(
            f"{survey.name}: fewer than two classes have readable training images ({names})"
        )
    if splits.val.size == 0 and fold > 0:
        raise InputError(
            f"--folds: no class of {survey.name} has {fold + 1} images, copies aside, so fold "
            f"{fold + 1} would hold out none; give --folds {fold}, or add images"
        )
    if splits.val.size == 0:
        raise InputError(
            f"{survey.name}: no held-out image is left to measure accuracy with: there is none, or "
            "each is a training image too; add others"
        )
