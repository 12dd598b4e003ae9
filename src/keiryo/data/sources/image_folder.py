"""A folder of images, CLASS/*.jpg, or one with train/ and val/ of such folders."""

from collections.abc import Iterator
from pathlib import Path

from keiryo.data.image.formats import kind_of_file
from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.folders import files_below, readable_name, subfolders
from keiryo.data.sources.image_files import FileSource, FoundImage, open_images
from keiryo.data.sources.unread import find_unread, list_formats
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.records.findings import count


def is_folder(data: str) -> bool:
    """Return whether `data` is a folder."""
    return Path(data).is_dir()


def open_folder(data: str) -> FileSource:
    """Return the images in the folder `data`.

    Raises InputError if there are none, or if it has split folders but none for training.
    """
    root = Path(data)
    splits: dict[Path, Split | None] = {
        folder: SPLIT_NAMES[folder.name.lower()]
        for folder in subfolders(root)
        if folder.name.lower() in SPLIT_NAMES
    }
    is_split = "train" in splits.values()
    if splits and not is_split and len(splits) == len(subfolders(root)):
        raise InputError(f"{root}: has {' and '.join(sorted(p.name for p in splits))} but no train")
    class_roots: list[tuple[Path, Split | None]] = [*splits.items()] if is_split else [(root, None)]
    found: list[FoundImage] = []
    others: list[Path] = []
    unread: list[Path] = []
    for class_root, split in class_roots:
        for folder in subfolders(class_root):
            label = readable_name(folder, class_root)
            for path in files_below(folder):
                kind = kind_of_file(path)
                if kind == "image":
                    found.append(FoundImage(readable_name(path, root), label, split, path))
                else:
                    (unread if kind == "unread" else others).append(path)
        others += [path for path in sorted(class_root.iterdir()) if path.is_file()]
    beside: list[Path] = []
    if is_split:
        others += [path for path in sorted(root.iterdir()) if path.is_file()]
        beside = [folder for folder in subfolders(root) if folder not in splits]
    if not found and unread:
        formats = list_formats([path.name for path in unread])
        raise InputError(
            f"{root}: no image of a format that is read ({formats}); convert them to JPEG or PNG"
        )
    if not found:
        raise InputError(
            f"{root}: no images in it; put them into one folder a class: {root}/CLASS/*.jpg"
        )
    labels = {image.label for image in found}
    empty = {
        readable_name(folder, class_root)
        for class_root, _ in class_roots
        for folder in subfolders(class_root)
    } - labels
    findings = [
        *find_unread([readable_name(path, root) for path in unread]),
        *_find_left_out(
            "other_files",
            [readable_name(path, root) for path in others],
            "no image, or not in a folder of a class",
        ),
        *_find_left_out(
            "beside_splits",
            [readable_name(path, root) for folder in beside for path in files_below(folder)],
            "in a folder beside the split folders",
        ),
        *_find_empty(sorted(empty)),
    ]
    return open_images(str(root), found, findings)


def _find_empty(classes: list[str]) -> Iterator[Finding]:
    if classes:
        yield Finding(
            code="empty_class",
            severity="warning",
            evidence=f"{count(len(classes), 'class', 'classes')} left out, without an image that "
            "is read",
            advice="Nothing to do if this is no class of yours.",
            files=classes,
        )


def _find_left_out(code: str, files: list[str], reason: str) -> Iterator[Finding]:
    if files:
        yield Finding(
            code=code,
            severity="info",
            evidence=f"{len(files)} left out: {reason}",
            advice="Nothing to do if they are not meant to be trained on.",
            files=files,
        )
