"""Which pictures train and which are held out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keiryo.data.pack import PackedPicture, PackHeader
from keiryo.errors import InputError
from keiryo.results import Finding

HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Splits:
    """Row numbers of a pack; no picture, by its pixels, is both in `train` and outside it."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    findings: list[Finding]


def split_pictures(header: PackHeader, *, seed: int) -> Splits:
    """Split the rows of a pack into training and held-out pictures.

    The owner's own split is kept, but held-out pictures that are also training
    pictures are left out. Without one, a fifth of each class is held out, chosen by
    `seed`; copies of one picture stay on one side. Raises InputError where nothing
    could be trained or measured.
    """
    pictures = header.pictures
    if any(picture.split in ("val", "test") for picture in pictures):
        splits = _owner_split(pictures)
    else:
        splits = _stratified_split(header, seed)
    _check(header, splits)
    return splits


def _owner_split(pictures: Sequence[PackedPicture]) -> Splits:
    rows = {
        split: np.array(
            [row for row, picture in enumerate(pictures) if (picture.split or "train") == split],
            dtype=np.int64,
        )
        for split in ("train", "val", "test")
    }
    if rows["val"].size == 0:
        rows["val"], rows["test"] = rows["test"], rows["val"]
    trained_on = {pictures[row].digest for row in rows["train"]}
    leaked: list[str] = []
    for split in ("val", "test"):
        is_leak = np.array([pictures[row].digest in trained_on for row in rows[split]], dtype=bool)
        leaked += [pictures[row].name for row in rows[split][is_leak]]
        rows[split] = rows[split][~is_leak]
    findings = []
    if leaked:
        findings.append(
            Finding(
                code="split_leak",
                severity="error",
                evidence=f"{len(leaked)} held-out pictures are training pictures too",
                advice="They are left out of the accuracy. Remove them from one of the splits.",
                files=sorted(leaked),
            )
        )
    return Splits(**rows, findings=findings)


def _stratified_split(header: PackHeader, seed: int) -> Splits:
    groups: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(header.pictures):
        groups[picture.digest].append(row)
    # A group under several labels counts as the label of its first picture.
    groups_of_class: dict[int, list[list[int]]] = defaultdict(list)
    for group in groups.values():
        groups_of_class[header.pictures[group[0]].label].append(group)
    held_out: set[int] = set()
    findings = []
    for label, class_groups in sorted(groups_of_class.items()):
        if len(class_groups) < 2:
            findings.append(
                Finding(
                    code="class_too_small",
                    severity="error",
                    evidence=f"class '{header.classes[label]}' has only one picture, "
                    "so none could be held out",
                    advice="It is trained on, but how well it is told apart is not measured. "
                    "Add pictures or remove the class.",
                    files=[header.pictures[row].name for row in class_groups[0]],
                )
            )
            continue
        count = max(1, round(HELD_OUT_SHARE * len(class_groups)))
        order = np.random.default_rng((seed, label)).permutation(len(class_groups))
        held_out.update(row for index in order[:count] for row in class_groups[index])
    rows = np.arange(len(header.pictures))
    is_held_out = np.isin(rows, list(held_out))
    return Splits(rows[~is_held_out], rows[is_held_out], rows[:0], findings)


def _check(header: PackHeader, splits: Splits) -> None:
    classes = {header.pictures[row].label for row in splits.train}
    if len(classes) < 2:
        names = ", ".join(f"'{header.classes[label]}'" for label in sorted(classes)) or "none"
        raise InputError(
            f"{header.name}: fewer than two classes have readable training pictures ({names})"
        )
    if splits.val.size == 0:
        raise InputError(
            f"{header.name}: no picture held out from training is left to measure with: there is "
            "none, or each is a training picture too; add others"
        )
