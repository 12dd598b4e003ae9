"""The records of a comparison: its trials, its limits, its outcome."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Finding, Machine, Record, Status
from keiryo.records.data import DataSummary, SuspectLabel
from keiryo.records.speed import Latency
from keiryo.records.training import Epoch, Pause


class Trial(Record):
    """One model trained with one seed, or the attempt at it."""

    model: str
    seed: int
    recipe: str | None = Field(default=None, description="where a comparison has several")
    fold: int | None = Field(default=None, description="which fifth was held out, from 1")
    status: Status
    folder: str = Field(description="where its files are, relative to the comparison")
    pretrained: str | None = Field(
        default=None, description="the file or URL of the weights that it began with"
    )
    precision: Literal["float32", "bfloat16"] | None = Field(
        default=None, description="of the training; results are measured in float32"
    )
    parameters: int | None = None
    state_elements: int | None = None
    macs: int | None = None
    artifact_bytes: int | None = None
    train_seconds: float | None = None
    epochs: int | None = None
    images_per_second: float | None = None
    waiting_share: float | None = Field(
        default=None,
        description="of the time of its training steps, that spent waiting for images",
    )
    peak_memory_bytes: int | None = None
    latency_ms: Latency | None = None
    train_accuracy: float | None = Field(
        default=None,
        description="of as many training images as are held out, unvaried, in inference mode",
    )
    val_accuracy: float | None = None
    val_images: int | None = None
    val_accuracy_interval: tuple[float, float] | None = Field(
        default=None, description="95 % Wilson interval, for the number of held-out images"
    )
    test_accuracy: float | None = None
    val_accuracy_with_leaks: float | None = Field(
        default=None, description="what it would seem with the leaked images of the owner's split"
    )
    robustness: dict[str, list[float]] = Field(
        default={}, description="held-out accuracy under each corruption, by rising strength"
    )
    robust_accuracy: float | None = Field(default=None, description="the mean of those")
    history: list[Epoch] = []
    diagnosis: list[Finding] = []
    error: str | None = Field(default=None, description="why it failed: the last lines of its log")
    pauses: list[Pause] = Field(
        default=[], description="with --stop-early, where its candidate was compared with others"
    )
    dropped_at: float | None = Field(
        default=None,
        description="the share of its budget, from 0 to 1, after which --stop-early ended it",
    )
    dropped_because: str | None = Field(default=None, description="why it did, in a sentence")

    @property
    def candidate(self) -> str:
        """The candidate's name: the model, with its recipe if there are several."""
        return self.model if self.recipe is None else f"{self.model} by {self.recipe}"

    def has_paused_at(self, share: float) -> bool:
        """Return True if the trial was paused at `share` of its budget, or later."""
        return self.status == "stopped" and any(pause.share >= share for pause in self.pauses)


class Limits(Record):
    """The most that a recommended model may cost."""

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_params: int | None = None


class Comparison(Record):
    """All trials of one comparison, their ranking and the recommendation."""

    keiryo_version: str
    created: str
    machine: Machine
    data: DataSummary
    recipe: str
    augment: str | None = Field(default=None, description="what was changed of its augmentation")
    fine_tune: str | None = Field(
        default=None, description="what was trained of the models that began with weights"
    )
    batch: int
    epochs: int | None
    minutes: float | None
    stop_early: bool = Field(
        default=False, description="whether the worse half was dropped, once and again, on the way"
    )
    limits: Limits
    trials: list[Trial]
    ranking: list[str] = Field(
        description="candidates that finished, best first: models, or models by recipe"
    )
    pareto: list[str] = Field(description="models that no other beats in accuracy and latency")
    recommended: str | None
    complete: bool = Field(description="whether every planned trial was run, or dropped early")
    recommended_trial: str | None = Field(description="the folder of the trial to use")
    suspect_labels: list[SuspectLabel] = Field(
        default=[], description="most suspect first, by the best model's held-out predictions"
    )
    suspects_among: int = Field(default=0, description="held-out images that were looked at")
