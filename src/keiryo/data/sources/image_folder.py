"""A folder of images, CLASS/*.jpg, or one with train/ and val/ of such folders."""

from collections.abc import Iterator
from pathlib import Path

from keiryo.data.image.formats import kind_of_file
from keiryo.data.sources.folders.ignored import is_own_output
from keiryo.data.sources.folders.layout import find_layout
from keiryo.data.sources.folders.listing import (
    any_file_below,
    files_below,
    ignored_folders,
    readable_name,
    subfolders,
)
from keiryo.data.sources.image_files import FileSource, FoundImage, open_images
from keiryo.data.sources.unread import find_unread, list_formats
from keiryo.errors import InputError
from keiryo.records.base import Finding
from keiryo.sentences import count


def is_folder(data: str) -> bool:
    """Return whether `data` is a folder."""
    return Path(data).is_dir()


def open_folder(data: str) -> FileSource:
    """Return the images in the folder `data`.

    Raises InputError if there are none in class folders, if it has split folders but none for
    training, or if keiryo wrote it.
    """
    root = Path(data)
    if is_own_output(root):
        raise InputError(f"{root}: written by keiryo, and no set of images; give your images")
    layout = find_layout(root, _is_image)
    is_split, class_roots = layout.has_splits, layout.class_roots
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
    if is_split:
        others += [path for path in sorted(root.iterdir()) if path.is_file()]
    if not found and unread:
        formats = list_formats([path.name for path in unread])
        raise InputError(
            f"{root}: no image of a format that is read ({formats}); convert them to JPEG or PNG"
        )
    loose = [path for path in others if _is_image(path) and path.parent == root]
    if not found and loose:
        raise InputError(
            f"{root}: its {count(len(loose), 'image lies', 'images lie')} in no folder of a class; "
            f"put them into one folder a class, {root}/CLASS/*.jpg, or list them in a CSV file "
            "path,label"
        )
    if not found:
        raise InputError(
            f"{root}: no images in it; put them into one folder a class: {root}/CLASS/*.jpg"
        )
    labels = {image.label for image in found}
    if len(labels) == 1:
        _refuse_wrapper(class_roots[0][0], *labels)
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
            [readable_name(path, root) for folder in layout.beside for path in files_below(folder)],
            "in a folder beside the split folders",
        ),
        *_find_unlabelled(
            [
                readable_name(path, root)
                for folder in layout.unlabelled
                for path in files_below(folder)
                if _is_image(path)
            ]
        ),
        *_find_left_out(
            "ignored_folders",
            [
                readable_name(folder, root)
                for place in {root, *(class_root for class_root, _ in class_roots)}
                for folder in ignored_folders(place)
            ],
            "a folder that the system or keiryo wrote",
        ),
        *_find_empty(sorted(empty)),
    ]
    return open_images(str(root), found, findings)


def _is_image(path: Path) -> bool:
    """Return True for an image, in a format that is read or not."""
    return kind_of_file(path) != "other"


def _refuse_wrapper(class_root: Path, label: str) -> None:
    """Raise InputError if the only class folder holds folders that look like classes."""
    folder = class_root / label
    if not folder.is_dir():  # its name is shown otherwise than it is
        return
    inner = [each for each in subfolders(folder) if any_file_below(each, _is_image)]
    if len(inner) > 1 and not any(_is_image(path) for path in folder.iterdir()):
        raise InputError(
            f"{class_root}: only one class, '{label}', but its folders look like classes; give "
            f"{folder} instead"
        )


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


def _find_unlabelled(files: list[str]) -> Iterator[Finding]:
    if files:
        yield Finding(
            code="unlabelled",
            severity="warning",
            evidence=f"{count(len(files), 'image', 'images')} left out: in a split folder, but in "
            "no folder of a class",
            advice="Nothing to do if their classes are unknown; `keiryo predict` labels them.",
            files=files,
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
