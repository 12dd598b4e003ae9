"""The records of a data set: its check, its summary, its suspect labels."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Finding, ImageGroup, Record

# The way an image becomes a square: its middle, all of it between grey bars, or stretched.
Fit = Literal["crop", "letterbox", "stretch"]


UNEVEN = 1.5  # times the share of a class, if all had equally many images


class UnreadableImage(Record):
    """A file that could not be read as an image."""

    file: str
    reason: str


class Imbalance(Record):
    """The largest and the smallest class, and their ratio."""

    largest: str
    largest_images: int
    smallest: str
    smallest_images: int
    ratio: float


class DataCheck(Record):
    """The result of `keiryo data check`."""

    keiryo_version: str
    name: str
    images: int = Field(description="number of images that could be read")
    classes: dict[str, int] = Field(description="number of images of each class")
    splits: dict[str, int] = Field(description="number of images of each split, if any")
    unreadable: list[UnreadableImage]
    exact_copies: list[ImageGroup] = Field(description="images with the same pixels")
    near_copies: list[ImageGroup] = Field(description="pairs of nearly identical images")
    label_conflicts: list[ImageGroup] = Field(description="the same pixels in several classes")
    split_leaks: list[ImageGroup] = Field(
        description="held-out images with their copies among the training images"
    )
    imbalance: Imbalance
    findings: list[Finding] = Field(description="all of the above in words, most severe first")


class SuspectLabel(Record):
    """A held-out image whose label a model contradicts with confidence."""

    file: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float


class DataSummary(Record):
    """The images that trials were trained and tested on."""

    name: str
    size: int
    fit: Fit = "crop"
    classes: list[str]
    train_images: int
    val_images: int
    test_images: int = 0
    largest_class_share: float | None = Field(
        default=None,
        description="share of held-out images in the largest class: the accuracy of a classifier "
        "that always names it",
    )
    own_split: bool = Field(default=False, description="True: the data has a split of its own")
    leaked_images: int = Field(
        default=0, description="images held out by that split, left out as copies of training ones"
    )
    seen_images: int = Field(
        default=0, description="images left out, since the pretrained weights were trained on them"
    )
    findings: list[Finding] = []

    @property
    def baseline(self) -> float:
        """The accuracy of a classifier that always names the largest class."""
        return self.largest_class_share or 1 / len(self.classes)

    @property
    def is_uneven(self) -> bool:
        """True if the largest class has half as many images again as it had in even classes."""
        return self.baseline * len(self.classes) >= UNEVEN
