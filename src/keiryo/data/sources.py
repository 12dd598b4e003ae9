"""Where pictures come from, behind one small interface."""

import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from keiryo.data.facts import PictureFacts, examine
from keiryo.data.fit import fit_picture, read_for
from keiryo.data.pictures import read_picture

if TYPE_CHECKING:  # which would load pydantic in every process that reads pictures
    from keiryo.data.survey import Survey
    from keiryo.results import Finding, Fit

Split = Literal["train", "val", "test"]
# What owners of pictures call the parts of a split.
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
    """One picture before it is read: its name, label, and the split its owner put it in."""

    name: str
    label: int
    split: Split | None = None


@dataclass(frozen=True)
class Reading:
    """One picture read and fitted: `pixels` (size, size, 3), uint8, RGB, and its facts."""

    pixels: np.ndarray
    facts: PictureFacts


class Source(ABC):
    """A labelled set of pictures that can be read one by one, in several processes at once."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        findings: Sequence["Finding"] = (),
    ) -> None:
        self.name = name
        self.classes = classes
        self.items = items
        self.findings = findings

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes whenever the pictures or their labels do."""

    @abstractmethod
    def read(self, index: int, size: int, fit: "Fit") -> Reading:
        """Return picture `index` fitted to `size`.

        Raises UnreadablePictureError where no picture can be had.
        """

    def known_survey(self) -> "Survey | None":
        """Return what is known of the pictures already, where they need not be read for it."""
        return None

    def part(self, indices: range) -> Self:
        """Return a source that reads these pictures, by the same numbers, and knows nothing else.

        It is what is sent to another process.
        """
        lighter = copy.copy(self)
        lighter.items = lighter.findings = ()
        return lighter

    def read_whole(self, index: int) -> np.ndarray:
        """Return all pixels of picture `index`, (H, W, 3), uint8, RGB.

        Only asked for where `read` gave facts of a picture decoded at a smaller scale.
        """
        raise NotImplementedError


class FileSource(Source):
    """Picture files with labels, wherever the list of them came from."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        paths: Sequence[Path],
        findings: Sequence["Finding"] = (),
    ) -> None:
        super().__init__(name, classes, items, findings)
        self._paths: Sequence[Path] | dict[int, Path] = paths

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update("\0".join(self.classes).encode())
        for index, item in enumerate(self.items):
            path = self._paths[index]
            try:
                status = path.stat()
            except OSError:  # a link that leads nowhere
                status = path.lstat()
            digest.update(f"{item}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self, index: int, size: int, fit: "Fit") -> Reading:
        picture = read_for(self._paths[index], size)
        return Reading(fit_picture(picture.pixels, size, fit), examine(picture))

    def part(self, indices: range) -> Self:
        lighter = super().part(indices)
        lighter._paths = {index: self._paths[index] for index in indices}
        return lighter

    def read_whole(self, index: int) -> np.ndarray:
        return read_picture(self._paths[index]).pixels
