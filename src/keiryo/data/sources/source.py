"""The interface of all sources of images."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from keiryo.data.image.facts import ImageFacts
from keiryo.data.items import Item
from keiryo.files import shown

if TYPE_CHECKING:  # at run time, these would load pydantic in each process that reads images
    from keiryo.data.survey_record import Survey
    from keiryo.records.base import Finding
    from keiryo.records.data import Fit


@dataclass(frozen=True)
class FittedImage:
    """An image fitted into a square: `pixels` (size, size, 3), uint8, RGB, and its facts."""

    pixels: np.ndarray
    facts: ImageFacts


class Source(ABC):
    """A labelled set of images, read one by one, by several processes at once."""

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        items: Sequence[Item],
        findings: Sequence["Finding"] = (),
    ) -> None:
        self.name = shown(name)
        self.classes = classes
        self.items = items
        self.findings = findings

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes whenever the images or their labels do."""

    @abstractmethod
    def read(self, index: int, size: int, fit: "Fit") -> FittedImage:
        """Return image `index` fitted to `size`.

        Raises UnreadableImageError if it cannot be read.
        """

    def content(self, index: int) -> str | None:
        """Return what identifies image `index` by its content, as in its facts.

        "" if the file cannot be read; None if the source cannot tell without decoding the image.
        """
        return None

    def files(self) -> Sequence[Path]:
        """Return the files of the images on this machine, if each has its own."""
        return ()

    def known_survey(self) -> "Survey | None":
        """Return the survey if it is known without reading the images, else None."""
        return None

    def restrict_to(self, indices: range) -> Self:
        """Return a small copy that can only read the images `indices`, to send to a process."""
        small = copy.copy(self)
        small.items = small.findings = ()
        return small

    def read_whole(self, index: int) -> np.ndarray:
        """Return all pixels of image `index`, (H, W, 3), uint8, RGB.

        It is called only if `read` decoded images at several scales.
        """
        raise NotImplementedError
