"""Image files on this machine, whatever list named them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from keiryo.data.image.decoding import read_image
from keiryo.data.image.facts import examine
from keiryo.data.image.fit import fit_image, read_for_size

if TYPE_CHECKING:  # which would load pydantic in every process that reads images
    from keiryo.records.base import Finding
    from keiryo.records.data import Fit


from keiryo.data.items import Item, Split
from keiryo.data.sources.source import FittedImage, Source


class FileSource(Source):
    """Image files with labels, wherever the list of them came from."""

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

    def read(self, index: int, size: int, fit: "Fit") -> FittedImage:
        image = read_for_size(self._paths[index], size)
        return FittedImage(fit_image(image.pixels, size, fit), examine(image))

    def restrict_to(self, indices: range) -> Self:
        lighter = super().restrict_to(indices)
        lighter._paths = {index: self._paths[index] for index in indices}
        return lighter

    def read_whole(self, index: int) -> np.ndarray:
        return read_image(self._paths[index]).pixels


def file_source(
    name: str,
    found: Sequence[tuple[str, Split | None, Path]],
    names: Sequence[str],
    findings: Sequence["Finding"],
) -> FileSource:
    """Return the source of files that are `found`, as (label, split, path), and called `names`."""
    classes = sorted({label for label, _, _ in found})
    numbers = {label: number for number, label in enumerate(classes)}
    items = [
        Item(image, numbers[label], split)
        for image, (label, split, _) in zip(names, found, strict=True)
    ]
    return FileSource(name, classes, items, [path for _, _, path in found], findings)
