"""One image of a source, before it is read and after.

No pydantic here: each process that reads images would load it.
"""

from dataclasses import dataclass
from typing import Literal

from keiryo.data.image.facts import ImageFacts

Split = Literal["train", "val", "test"]
# What owners of images call the parts of a split.
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One image before it is read: its name, label, and the split its owner put it in."""

    name: str
    label: int
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class SurveyedImage:
    """One image that could be read; `checksum` is of its pixels as they were packed."""

    name: str
    label: int
    split: Split | None
    facts: ImageFacts
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One that could not; `code` is that of the finding."""

    name: str
    code: str
    reason: str
