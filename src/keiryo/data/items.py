"""The records of one image of a source, before and after it is read.

They are dataclasses: each process that reads images would have to load pydantic.
"""

from dataclasses import dataclass
from typing import Literal

from keiryo.data.image.facts import ImageFacts

Split = Literal["train", "val", "test"]
# Names of split folders and of splits in a CSV file -> split.
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
    """An image that could be read; `checksum` is that of its packed pixels, empty if not packed."""

    name: str
    label: int
    split: Split | None
    facts: ImageFacts
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that could not be read; `code` is that of its finding.

    `content` identifies its file; "" in packs of earlier versions.
    """

    name: str
    code: str
    reason: str
    content: str = ""
