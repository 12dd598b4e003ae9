"""Where images come from, behind one small interface."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from keiryo.data.image.facts import ImageFacts
from keiryo.data.items import Item

if TYPE_CHECKING:  # which would load pydantic in every process that reads images
    from keiryo.data.survey_record import Survey
    from keiryo.records.base import Finding
    from keiryo.records.data import Fit


@dataclass(frozen=True)
class FittedImage:
    """One image read and fitted: `pixels` (size, size, 3), uint8, RGB, and its facts."""

    pixels: np.ndarray
    facts: ImageFacts


class Source(ABC):
    """A labelled set of images that can be read one by one, in several processes at once."""

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
        """Return a text that changes whenever the images or their labels do."""

    @abstractmethod
    def read(self, index: int, size: int, fit: "Fit") -> FittedImage:
        """Return image `index` fitted to `size`.

        Raises UnreadableImageError where no image can be had.
        """

    def known_survey(self) -> "Survey | None":
        """Return what is known of the images already, where they need not be read for it."""
        return None

    def restrict_to(self, indices: range) -> Self:
        """Return a source that reads these images, by the same numbers, and knows nothing else.

        It is what is sent to another process.
        """
        lighter = copy.copy(self)
        lighter.items = lighter.findings = ()
        return lighter

    def read_whole(self, index: int) -> np.ndarray:
        """Return all pixels of image `index`, (H, W, 3), uint8, RGB.

        Only asked for where `read` gave facts of an image decoded at a smaller scale.
        """
        raise NotImplementedError
