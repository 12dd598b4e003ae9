"""A source of image files on this machine, listed by a folder or by a CSV file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from keiryo.data.image.decoding import read_image
from keiryo.data.image.facts import content_digest, examine
from keiryo.data.image.fit import fit_image, read_for_size
from keiryo.data.items import Item, Split
from keiryo.data.sources.source import FittedImage, Source
from keiryo.files import fingerprint_of_files

if TYPE_CHECKING:  # at run time, these would load pydantic in each process that reads images
    from keiryo.records.base import Finding
    from keiryo.records.data import Fit


class FileSource(Source):
    """Image files with labels; `paths` are in the order of `items`."""

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
        paths = [self._paths[index] for index in range(len(self.items))]
        return fingerprint_of_files(
            "\0".join(self.classes), zip(map(str, self.items), paths, strict=True)
        )

    def read(self, index: int, size: int, fit: "Fit") -> FittedImage:
        image = read_for_size(self._paths[index], size)
        facts = examine(image, content=self.content(index))
        return FittedImage(fit_image(image.pixels, size, fit), facts)

    def content(self, index: int) -> str:
        path = self._paths[index]
        try:
            # Anything else, a pipe for example, may never end.
            return content_digest(path.read_bytes()) if path.is_file() else ""
        except OSError:
            return ""

    def files(self) -> list[Path]:
        return [self._paths[index] for index in range(len(self.items))]

    def restrict_to(self, indices: range) -> Self:
        small = super().restrict_to(indices)
        small._paths = {index: self._paths[index] for index in indices}
        return small

    def read_whole(self, index: int) -> np.ndarray:
        return read_image(self._paths[index]).pixels


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image file: its name to show, its label, the split its owner put it in, its path."""

    name: str
    label: str
    split: Split | None
    path: Path


def open_images(
    name: str, found: Sequence[FoundImage], findings: Sequence["Finding"] = ()
) -> FileSource:
    """Return the source called `name` of the image files `found`; classes are in order of name."""
    classes = sorted({image.label for image in found})
    numbers = {label: number for number, label in enumerate(classes)}
    items = [Item(image.name, numbers[image.label], image.split) for image in found]
    return FileSource(name, classes, items, [image.path for image in found], findings)
