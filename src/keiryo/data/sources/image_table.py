"""A CSV of images, with the columns path, label and, if there is a split, split."""

import csv
from pathlib import Path

from keiryo.data.items import SPLIT_NAMES, Split
from keiryo.data.sources.image_files import FileSource, file_source
from keiryo.errors import InputError


def open_table(path: Path) -> FileSource:
    """Return the images that the CSV at `path` lists; raise InputError for what is wrong in it."""
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
                found.append(_read_row(path, rows.line_num, row))
                names.append(row["path"])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV in UTF-8: {error}") from None
    if not found:
        raise InputError(f"{path}: has no rows below its heading")
    return file_source(str(path), found, names, [])


def _read_row(path: Path, line: int, row: dict[str, str]) -> tuple[str, Split | None, Path]:
    if not row["path"] or not (row["label"] or "").strip():
        raise InputError(f"{path}, line {line}: path or label is empty")
    image = path.parent / row["path"]
    if not image.is_file():
        raise InputError(f"{path}, line {line}: no such file: {image}")
    split = (row.get("split") or "").strip().lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{path}, line {line}: split is '{split}'; give train, val or test")
    return row["label"].strip(), SPLIT_NAMES[split] if split else None, image
