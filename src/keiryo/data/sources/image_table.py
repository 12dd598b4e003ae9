"""A CSV file that lists images, with the columns path, label and, optionally, split."""

import csv
from pathlib import Path

from keiryo.data.items import SPLIT_NAMES
from keiryo.data.sources.image_files import FileSource, FoundImage, open_images
from keiryo.errors import InputError


def is_table(data: str) -> bool:
    """Return whether `data` is a .csv file."""
    return Path(data).is_file() and Path(data).suffix.lower() == ".csv"


def open_table(data: str) -> FileSource:
    """Return the images that the CSV file `data` lists.

    Raises InputError for a missing column, an incomplete row, an unknown split or an absent file.
    """
    path = Path(data)
    found: list[FoundImage] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
            missing = {"path", "label"} - set(rows.fieldnames)
            if missing:
                raise InputError(
                    f"{path}: has no column '{min(missing)}'; give path,label or path,label,split"
                )
            found += [_read_row(path, rows.line_num, row) for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV in UTF-8: {error}") from None
    if not found:
        raise InputError(f"{path}: has no rows below its heading")
    return open_images(str(path), found)


def _read_row(path: Path, line: int, row: dict[str, str]) -> FoundImage:
    if not row["path"] or not (row["label"] or "").strip():
        raise InputError(f"{path}, line {line}: path or label is empty")
    image = path.parent / row["path"]
    if not image.is_file():
        raise InputError(f"{path}, line {line}: no such file: {image}")
    split = (row.get("split") or "").strip().lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{path}, line {line}: split is '{split}'; give train, val or test")
    return FoundImage(
        row["path"], row["label"].strip(), SPLIT_NAMES[split] if split else None, image
    )
