"""The records of a data set: its check, its summary, its suspect labels."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Finding, ImageGroup, Record

# How an image becomes a square: its middle, all of it between grey bars, or stretched.
Fit = Literal["crop", "letterbox", "stretch"]


class UnreadableImage(Record):
    """A file that could not be read as an image."""

    file: str
    reason: str


class Imbalance(Record):
    """The largest class against the smallest."""

    largest: str
    largest_images: int
    smallest: str
    smallest_images: int
    ratio: float


class DataCheck(Record):
    """The result of `keiryo data check`."""

    keiryo_version: str
    name: str
    images: int = Field(description="that could be read")
    classes: dict[str, int] = Field(description="images of each")
    splits: dict[str, int] = Field(description="images of each, where the data has some")
    unreadable: list[UnreadableImage]
    exact_copies: list[ImageGroup] = Field(description="the same pixels")
    near_copies: list[ImageGroup] = Field(description="pairs of nearly the same image")
    label_conflicts: list[ImageGroup] = Field(description="the same pixels under several classes")
    split_leaks: list[ImageGroup] = Field(description="held-out images with training images")
    imbalance: Imbalance
    findings: list[Finding] = Field(description="all of it in words, the gravest first")


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
    own_split: bool = Field(default=False, description="whether its owner said what to hold out")
    leaked_images: int = Field(
        default=0, description="held out by their owner, but left out as training images too"
    )
    findings: list[Finding] = []
