"""The explanations of many images: a PNG file for each in one folder."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keiryo.errors import InputError
from keiryo.explanation.heat_map import Explainer
from keiryo.explanation.overlay import write_overlay

SHOWN_SIDE = 320  # pixels of a panel, if the network does not take larger images
LONGEST_STEM = 80


@dataclass(frozen=True)
class Explanation:
    """The file of an image's heat maps, their classes in order, and the map's height and width."""

    file: str
    labels: list[str]
    map_size: tuple[int, int]


class ExplanationWriter:
    """Writes the heat maps of images into `folder`: of the class predicted, and of `also`.

    Raises InputError if the folder holds something and not `force`, or if there is no class `also`.
    """

    def __init__(
        self, explainer: Explainer, folder: Path, also: str | None, *, force: bool = False
    ) -> None:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--explain {folder}: is a file; name a folder")
        if not force and folder.is_dir() and any(folder.iterdir()):
            raise InputError(
                f"--explain {folder}: is not empty; replace files in it with --force, or name "
                "another folder"
            )
        classes = explainer.classes
        if also is not None and also not in classes:
            nearest = difflib.get_close_matches(also, classes, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(classes)}"
            raise InputError(f"--explain-class {also}: the model has no such class; {hint}")
        self._explainer, self._folder, self._also = explainer, folder, also
        self._names: set[str] = set()

    def write(self, name: str, pixels: np.ndarray, label: str) -> Explanation:
        """Write the heat maps of the image `pixels` (H, W, 3), called `name`, for `label`."""
        labels = [label] if self._also in (None, label) else [label, self._also]
        heat_maps = self._explainer.explain(pixels, labels)
        side = max(SHOWN_SIDE, self._explainer.size)
        path = self._folder / self._new_name(name)
        write_overlay(path, self._explainer.show(pixels, side), heat_maps)
        height, width = heat_maps[0].values.shape
        return Explanation(str(path), labels, (height, width))

    def _new_name(self, name: str) -> str:
        """Return a file name after that of the image, which no other image of this run has."""
        stem = re.sub(r"[^\w.-]+", "-", Path(name).stem)[-LONGEST_STEM:].strip("-.") or "image"
        found, number = f"{stem}.png", 1
        while found.lower() in self._names:
            number += 1
            found = f"{stem}-{number}.png"
        self._names.add(found.lower())
        return found
