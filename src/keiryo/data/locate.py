"""From what the user typed as DATA to a source of labelled images."""

import csv
from collections.abc import Sequence
from pathlib import Path

from keiryo.data.image.decoding import IMAGE_SUFFIXES
from keiryo.data.items import SPLIT_NAMES, Item, Split
from keiryo.data.packs.pack import PackSource, is_pack
from keiryo.data.sources.digits import Digits
from keiryo.data.sources.download import Progress, no_progress
from keiryo.data.sources.folders import files_below, readable_name, subfolders
from keiryo.data.sources.image_files import FileSource
from keiryo.data.sources.petals import Petals
from keiryo.data.sources.published import NAMED_SETS, fetch_named_set
from keiryo.data.sources.shards import are_shards, shard_source
from keiryo.data.sources.source import Source
from keiryo.data.sources.storage import is_url
from keiryo.errors import InputError
from keiryo.records.base import Finding

BUILTIN_NAMES = ("petals", "digits")


def is_builtin(data: str) -> bool:
    """Return whether `data` names a built-in set."""
    return data.partition(":")[0] in BUILTIN_NAMES


def is_by_name(data: str) -> bool:
    """Return whether `data` is no place but the name of a set, built in or published."""
    return is_builtin(data) or (data in NAMED_SETS and not Path(data).exists())


def locate(data: str, *, progress: Progress = no_progress) -> Source:
    """Return the source that `data` names.

    It is a folder, a CSV, a pack, tar shards, a built-in set, or a published one, which is
    downloaded unless it is there; `progress` is told how many bytes of it have come, of
    how many. Raises InputError where there is none, or where it cannot be compared on:
    no images, or a single class.
    """
    name, _, options = data.partition(":")
    path = Path(data)
    if is_builtin(data):
        source = _builtin(data, name, options)
    elif is_by_name(data):
        source = _folder(fetch_named_set(data, progress=progress))
        source.name = data
    elif are_shards(data):
        source = shard_source(data)
    elif is_pack(data):
        source = PackSource(data)
    elif is_url(data):
        raise InputError(f"{data}: neither a pack nor tar shards; a URL must name one of these")
    elif path.is_dir():
        source = _folder(path)
    elif path.is_file() and path.suffix.lower() == ".csv":
        source = _csv(path)
    elif path.exists():
        raise InputError(f"{data}: neither a folder of images, nor a .csv file, nor .tar shards")
    else:
        raise InputError(
            f"{data}: no such folder or file (sets by name: "
            f"{', '.join((*BUILTIN_NAMES, *NAMED_SETS))})"
        )
    if len(source.classes) < 2:
        raise InputError(
            f"{data}: only one class, '{source.classes[0]}'; a classifier needs at least two: "
            "one folder of images a class"
        )
    return source


def _builtin(data: str, name: str, options: str) -> Source:
    given: dict[str, int] = {}
    for part in filter(None, options.split(",")):
        key, _, value = part.partition("=")
        allowed = ("count", "seed") if name == "petals" else ()
        if key not in allowed:
            raise InputError(f"{data}: {name} has no option '{key}'")
        if not value.isdecimal():
            raise InputError(f"{data}: {key} must be a whole number")
        given[key] = int(value)
    if name == "digits":
        return Digits()
    if given.get("count", 100) < 10:
        raise InputError(f"{data}: count must be at least 10")
    return Petals(**given)


def _folder(root: Path) -> Source:
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
    return _file_source(str(root), found, names, findings)


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


def _csv(path: Path) -> Source:
    found: list[tuple[str, Split | None, Path]] = []
    names: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
            missing = {"path", "label"} - set(rows.fieldnames)
            if missing:
                raise InputError(
                    f"{path}: has no column '{min(missing)}'; give path,label or path,label,split"
                )
            for row in rows:
                found.append(_csv_row(path, rows.line_num, row))
                names.append(row["path"])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV in UTF-8: {error}") from None
    if not found:
        raise InputError(f"{path}: has no rows below its heading")
    return _file_source(str(path), found, names, [])


def _csv_row(path: Path, line: int, row: dict[str, str]) -> tuple[str, Split | None, Path]:
    if not row["path"] or not (row["label"] or "").strip():
        raise InputError(f"{path}, line {line}: path or label is empty")
    image = path.parent / row["path"]
    if not image.is_file():
        raise InputError(f"{path}, line {line}: no such file: {image}")
    split = (row.get("split") or "").strip().lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{path}, line {line}: split is '{split}'; give train, val or test")
    return row["label"].strip(), SPLIT_NAMES[split] if split else None, image


def _file_source(
    name: str,
    found: Sequence[tuple[str, Split | None, Path]],
    names: Sequence[str],
    findings: Sequence[Finding],
) -> Source:
    classes = sorted({label for label, _, _ in found})
    numbers = {label: number for number, label in enumerate(classes)}
    items = [
        Item(image, numbers[label], split)
        for image, (label, split, _) in zip(names, found, strict=True)
    ]
    return FileSource(name, classes, items, [path for _, _, path in found], findings)
