"""The record of what a comparison would do: `keiryo compare --dry-run`."""

from pydantic import Field

from keiryo.records.base import Record


class CandidatePreview(Record):
    """A model under a recipe, before its training."""

    model: str
    recipe: str
    parameters: int | None = Field(description="None: the network runs on its device alone")
    macs: int | None = Field(description="multiply-accumulates for one image")
    size_bytes: int | None = Field(description="size of the state in float32")
    train_seconds: float | None = Field(
        description="of one training, from measured steps; None: they could not be measured"
    )
    memory_bytes: int | None = Field(
        description="of a training step: weights, gradients, the optimiser's state, activations"
    )
    not_trained_because: str | None = None


class Preview(Record):
    """The plan of a comparison: data, split, candidates, costs, time, memory and disk."""

    data: str
    images: int = Field(description="listed, readable or not")
    classes: list[str]
    train_images: int = Field(description="about as many, if there is no split of its own")
    held_out_images: int
    size: int
    batch: int
    epochs: int | None
    minutes: float | None = Field(description="of each training")
    total_minutes: float | None
    seeds: int
    folds: int
    device: str
    threads: int
    chosen: dict[str, str] = Field(description="options that keiryo chose, each with a reason")
    candidates: list[CandidatePreview]
    trainings: int
    total_seconds: float | None = Field(description="of the whole comparison, without packing")
    disk_bytes: int = Field(description="at most, while it runs")
