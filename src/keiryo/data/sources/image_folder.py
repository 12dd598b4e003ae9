"""A folder of images, CLASS/*.jpg, or one with train/ and val/ of such folders."""

from pathlib import Path

from keiryo.data.image.decoding import IMAGE_SUFFIXES
from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.folders import files_below, readable_name, subfolders
from keiryo.data.sources.image_files import FileSource, file_source
from keiryo.errors import InputError
from keiryo.records.base import Finding


def open_folder(root: Path) -> FileSource:
    """Return the images in `root`; raise InputError if there are none."""
    splits: dict[Path, Split | None] = {
        folder: SPLIT_NAMES[folder.name.lower()]
        for folder in subfolders(root)
        if folder.name.lower() in SPLIT_NAMES
    }
    is_split = "train" in splits.values()
    if splits and not is_split and len(splits) == len(subfolders(root)):
        raise InputError(f"{root}: has {' and '.join(sorted(p.name for p in splits))} but no train")
    class_roots: list[tuple[Path, Split | None]] = [*splits.items()] if is_split else [(root, None)]
    found: list[tuple[str, Split | None, Path]] = []
    others: list[Path] = []
    for class_root, split in class_roots:
        for folder in subfolders(class_root):
            label = readable_name(folder, class_root)
            for path in files_below(folder):
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    found.append((label, split, path))
                else:
                    others.append(path)
        others += [path for path in sorted(class_root.iterdir()) if path.is_file()]
    beside: list[Path] = []
    if is_split:
        others += [path for path in sorted(root.iterdir()) if path.is_file()]
        beside = [folder for folder in subfolders(root) if folder not in splits]
    if not found:
        raise InputError(
            f"{root}: no images in it; put them into one folder a class: {root}/CLASS/*.jpg"
        )
    names = [readable_name(path, root) for _, _, path in found]
    labels = {label for label, _, _ in found}
    empty = [
        readable_name(folder, class_root)
        for class_root, _ in class_roots
        for folder in subfolders(class_root)
        if readable_name(folder, class_root) not in labels
    ]
    findings = [
        *_left_out(
            "other_files", [readable_name(path, root) for path in others], "no image by name"
        ),
        *_left_out(
            "beside_splits",
            [readable_name(path, root) for folder in beside for path in files_below(folder)],
            "in a folder beside the split folders",
        ),
        *_left_out("empty_class", sorted(set(empty)), "a class folder without images"),
    ]
    return file_source(str(root), found, names, findings)


def _left_out(code: str, files: list[str], reason: str) -> list[Finding]:
    if not files:
        return []
    return [
        Finding(
            code=code,
            severity="info",
            evidence=f"{len(files)} left out: {reason}",
            advice="Nothing to do if they are not meant to be trained on.",
            files=files,
        )
    ]
