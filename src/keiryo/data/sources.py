"""Where pictures come from, behind one small interface."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from keiryo.data.pictures import fit_picture, read_picture
from keiryo.results import Finding

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Item:
    """One picture before it is read: its name, label, and the split its owner put it in."""

    name: str
    label: int
    split: Split | None = None


@dataclass(frozen=True)
class Reading:
    """One picture read and fitted.

    `pixels` is (size, size, 3), uint8, RGB; `digest` names the picture at its full
    size, so that copies are known whatever file they are in.
    """

    pixels: np.ndarray
    digest: str
    notes: Sequence[str] = ()


class Source(ABC):
    """A labelled set of pictures that can be read one by one, by several threads at once."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        findings: Sequence[Finding] = (),
    ) -> None:
        self.name = name
        self.classes = classes
        self.items = items
        self.findings = findings

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes whenever the pictures or their labels do."""

    @abstractmethod
    def read(self, index: int, size: int) -> Reading:
        """Return picture `index` fitted to `size`.

        Raises UnreadablePictureError where no picture can be had.
        """


class FileSource(Source):
    """Picture files with labels, wherever the list of them came from."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        paths: Sequence[Path],
        findings: Sequence[Finding],
    ) -> None:
        super().__init__(name, classes, items, findings)
        self._paths = paths

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update("\0".join(self.classes).encode())
        for item, path in zip(self.items, self._paths, strict=True):
            status = path.stat() if path.exists() else path.lstat()
            digest.update(f"{item}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def read(self, index: int, size: int) -> Reading:
        pixels, notes = read_picture(self._paths[index])
        return Reading(fit_picture(pixels, size), pixel_digest(pixels), notes)


def pixel_digest(pixels: np.ndarray) -> str:
    """Return a short name of exactly these pixels at exactly this shape."""
    digest = hashlib.blake2b(str(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
