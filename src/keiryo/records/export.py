"""The records of an exported model: its file, and its agreement with the trained network."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

ImagesFrom = Literal["data", "pack", "random"]


class Agreement(Record):
    """The agreement of an exported model with the trained network on the same images.

    Accuracies and the interval are shares; they are None if the images have no labels. Both models
    are given the same images, so the interval is that of paired data.
    """

    images: int
    images_from: ImagesFrom = Field(
        description="held-out images read anew from the data, or from the comparison's pack if the "
        "data are gone; or random pixels, for a model without its comparison"
    )
    largest_difference: float = Field(
        description="of a probability, for the pixels that the trained network was given; for a "
        "rounded model, for those that the runtime reads"
    )
    largest_difference_from_files: float = Field(
        description="of a probability, for the pixels that the runtime reads"
    )
    files: int = Field(
        default=0,
        description="images that `keiryo_runtime` read from their files, as it will; the others "
        "are given as the training decoded them, since they have no files of their own",
    )
    unread_files: list[str] = Field(
        default=[], description="files that the training reads, but not the runtime, with reasons"
    )
    largest_pixel_difference: int | None = Field(
        default=None,
        description="of 255, between the runtime's and the training's reading of a file; None: not "
        "compared, since the model is rounded, or no image has a file",
    )
    equal_labels: float = Field(description="share of the images with the same likeliest class")
    sure_images: int = Field(
        description="images whose two likeliest classes the trained network tells apart by more "
        "than 0.05"
    )
    equal_sure_labels: float = Field(description="share of these with the same likeliest class")
    accuracy: float | None = None
    trained_accuracy: float | None = Field(default=None, description="of the trained network")
    accuracy_difference_interval: tuple[float, float] | None = Field(
        default=None, description="95 % interval of the exported accuracy minus the trained one"
    )
    exact_accuracy: float | None = Field(
        default=None,
        description="of a rounded model in exact arithmetic: a processor whose accuracy is lower "
        "saturates",
    )


class TrialExport(Record):
    """A trial's file for an engine, in the trial's folder; or the reason why there is none."""

    file: str | None = None
    agreement: Agreement | None = None
    error: str | None = None


class ExportedModel(Record):
    """A model that was written for another runtime."""

    path: str
    target: str
    model: str
    classes: list[str]
    size_bytes: int
    agreement: Agreement
    holds: bool = Field(description="False: the answers differ by more than the gate allows")
    max_drop: float = Field(description="largest allowed drop of accuracy, as a share")
