"""The layout of a folder of images: class folders, or split folders of class folders.

Names alone do not tell: a class may be called `train`. A split folder holds class folders, a class
folder holds images.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.folders.listing import any_file_below, subfolders
from keiryo.errors import InputError

IsImage = Callable[[Path], bool]


@dataclass(frozen=True)
class Layout:
    """The folders that hold class folders, each with its split.

    With split folders, `beside` are other folders of images, and `unlabelled` are split folders
    without class folders.
    """

    class_roots: list[tuple[Path, Split | None]]
    beside: list[Path] = field(default_factory=list)
    unlabelled: list[Path] = field(default_factory=list)

    @property
    def has_splits(self) -> bool:
        return self.class_roots[0][1] is not None


@dataclass(frozen=True)
class _Candidate:
    """A folder that is a split folder by its name, `seg_train` or `train`.

    `rest` is its name without that word. `class_root` is the folder in it that holds class folders.
    """

    folder: Path
    split: Split
    rest: str
    class_root: Path | None


def find_layout(root: Path, is_image: IsImage) -> Layout:
    """Return the layout of `root`, where `is_image` tells images from other files by name.

    Raises InputError if there are split folders, but none for training or none with class folders.
    """
    folders = subfolders(root)
    families: dict[str, list[_Candidate]] = defaultdict(list)
    for folder in folders:
        candidate = _as_candidate(folder, is_image)
        if candidate is not None:
            families[candidate.rest].append(candidate)
    # Names without any other word first.
    for rest in sorted(families):
        family = families[rest]
        members = {candidate.folder for candidate in family}
        others = [folder for folder in folders if folder not in members]
        others = [folder for folder in others if any_file_below(folder, is_image)]
        if _are_splits(family, others, is_image):
            return Layout(
                [(each.class_root, each.split) for each in family if each.class_root is not None],
                [folder for folder in folders if folder not in members],
                [each.folder for each in family if each.class_root is None],
            )
        if rest == "" and not others:
            _refuse(root, family, is_image)
    return Layout([(root, None)])


def _are_splits(family: list[_Candidate], others: list[Path], is_image: IsImage) -> bool:
    has_train = any(each.split == "train" and each.class_root is not None for each in family)
    if not has_train:
        return False
    if len({each.split for each in family}) > 1:
        return True
    # A folder `train` of folders alone is a split. Among folders of images, it is a class.
    is_plain = any(each.rest == "" for each in family)
    return is_plain and sum(_holds_images(folder, is_image) for folder in others) <= 1


def _refuse(root: Path, family: list[_Candidate], is_image: IsImage) -> None:
    names = " and ".join(sorted(each.folder.name for each in family))
    if all(each.split != "train" for each in family):
        raise InputError(f"{root}: has {names} but no train")
    flat = [each.folder for each in family if _holds_images(each.folder, is_image)]
    if flat:
        raise InputError(
            f"{root}: the images in {names} are in no folder of a class; put them into one folder "
            f"a class: {flat[0]}/CLASS/*.jpg"
        )


def _as_candidate(folder: Path, is_image: IsImage) -> _Candidate | None:
    words = re.split(r"[\W_]+", folder.name.lower())
    marking = [word for word in words if word in SPLIT_NAMES]
    if len(marking) != 1:
        return None
    split = SPLIT_NAMES[marking[0]]
    rest = " ".join(word for word in words if word not in SPLIT_NAMES)
    return _Candidate(folder, split, rest, _class_root(folder, split, is_image))


def _class_root(folder: Path, split: Split, is_image: IsImage) -> Path | None:
    """Return the folder within `folder` that holds class folders; None if images are in none.

    Archives often hold seg_train/seg_train/CLASS.
    """
    inner = [each for each in subfolders(folder) if any_file_below(each, is_image)]
    if not inner:
        return None
    if len(inner) == 1 and not _holds_images(folder, is_image):
        words = re.split(r"[\W_]+", inner[0].name.lower())
        repeats = inner[0].name.lower() == folder.name.lower()
        if repeats or any(SPLIT_NAMES.get(word) == split for word in words):
            return _class_root(inner[0], split, is_image)
    return folder


def _holds_images(folder: Path, is_image: IsImage) -> bool:
    return any(path.is_file() and is_image(path) for path in folder.iterdir())
