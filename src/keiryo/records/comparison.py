"""The records of a comparison: its trials, its limits, its result."""

from typing import Any, Literal

from pydantic import Field

from keiryo.records.analysis import Analysis
from keiryo.records.base import Finding, Machine, Record, Status
from keiryo.records.data import DataSummary, SuspectLabel
from keiryo.records.decision import ArchitectureDifference, Candidate, Difference
from keiryo.records.export import TrialExport
from keiryo.records.speed import TORCH, Latency
from keiryo.records.tables.frame import frame_of
from keiryo.records.tables.trial_table import (
    comparison_as_html,
    comparison_as_text,
    trial_as_html,
    trial_as_text,
)
from keiryo.records.training import BudgetTime, Epoch, Metric, Pause


class Trial(Record):
    """One model trained with one seed, or a failed attempt."""

    model: str
    seed: int
    recipe: str | None = Field(default=None, description="None: the comparison has one recipe")
    fold: int | None = Field(default=None, description="number of the held-out fifth, from 1")
    status: Status
    folder: str = Field(description="folder of its files, relative to the comparison's")
    pretrained: str | None = Field(
        default=None, description="file or URL of the pretrained weights"
    )
    precision: Literal["float32", "bfloat16"] | None = Field(
        default=None, description="precision of the training; results are measured in float32"
    )
    parameters: int | None = None
    state_elements: int | None = None
    macs: int | None = None
    artifact_bytes: int | None = None
    train_seconds: float | None = None
    epochs: int | None = None
    images_per_second: float | None = None
    processor_seconds: float | None = Field(
        default=None, description="processor time of the training's process"
    )
    processor_share: float | None = Field(
        default=None,
        description="the training's share, from 0 to 1, of all processor time used meanwhile",
    )
    others_share: float | None = Field(
        default=None,
        description="share of the processor time of all cores that other processes took meanwhile",
    )
    disturbed: bool = Field(
        default=False, description="True: that is more than a tenth, so train_seconds is too long"
    )
    waiting_share: float | None = Field(
        default=None,
        description="share of the training steps' time that was spent waiting for images",
    )
    peak_memory_bytes: int | None = None
    engine: str = Field(
        default=TORCH,
        description="engine whose figures are val_accuracy, its interval, artifact_bytes and "
        "latency_ms; torch if the network could not be exported for that of the comparison",
    )
    exports: dict[str, TrialExport] = Field(default={}, description="by engine")
    latency_ms: Latency | None = None
    train_accuracy: float | None = Field(
        default=None,
        description="on as many training images as are held out, without augmentation, in "
        "inference mode",
    )
    val_accuracy: float | None = None
    val_balanced_accuracy: float | None = Field(
        default=None,
        description="share of each class's held-out images that are recognised, mean over classes",
    )
    val_images: int | None = None
    val_accuracy_interval: tuple[float, float] | None = Field(
        default=None, description="95 % Wilson interval for the number of held-out images"
    )
    test_accuracy: float | None = None
    val_accuracy_with_leaks: float | None = Field(
        default=None, description="val_accuracy if leaked images of the data's own split counted"
    )
    robustness: dict[str, list[float]] = Field(
        default={}, description="held-out accuracy for each corruption, by increasing strength"
    )
    robust_accuracy: float | None = Field(default=None, description="mean over robustness")
    analysis: Analysis | None = Field(
        default=None, description="confusions, classes, calibration and worst errors, held out"
    )
    history: list[Epoch] = []
    diagnosis: list[Finding] = []
    error: str | None = Field(default=None, description="last lines of the log of a failed trial")
    pauses: list[Pause] = Field(
        default=[], description="pauses of --stop-early, at which candidates were compared"
    )
    dropped_at: float | None = Field(
        default=None,
        description="share of its budget, from 0 to 1, at which --stop-early dropped it; 0: it was "
        "not trained, since its cost is over a limit",
    )
    dropped_because: str | None = Field(default=None, description="reason for that, a sentence")

    @property
    def candidate(self) -> str:
        """The candidate's name: the model, with its recipe if there are several recipes."""
        return self.model if self.recipe is None else f"{self.model} by {self.recipe}"

    @property
    def judged_latency_ms(self) -> float | None:
        """The latency to compare with a limit: of a disturbed measurement, the fastest run."""
        latency = self.latency_ms
        if latency is None:
            return None
        return latency.best if latency.disturbed and latency.best is not None else latency.p50

    def score(self, metric: Metric) -> float | None:
        """Return the held-out figure that `metric` names; None: not measured."""
        return self.val_balanced_accuracy if metric == "balanced" else self.val_accuracy

    def __str__(self) -> str:
        """Return the figures, one a line."""
        return trial_as_text(self)

    def _repr_html_(self) -> str:
        """Return the figures as a notebook shows them."""
        return trial_as_html(self)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row for each epoch; raise ImportError without pandas."""
        return frame_of(self.history)

    def has_paused_at(self, share: float) -> bool:
        """Return True if the trial was paused at `share` of its budget, or later."""
        return self.status == "stopped" and any(pause.share >= share for pause in self.pauses)


class Limits(Record):
    """The most that a recommended model may cost."""

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_params: int | None = None


# The code of the finding that the best model may be no better than guessing.
NO_BETTER_THAN_BASELINE = "no_better_than_baseline"


class Comparison(Record):
    """All trials of one comparison, their ranking and the recommendation."""

    keiryo_version: str
    created: str
    machine: Machine
    data: DataSummary
    recipe: str
    augment: str | None = Field(default=None, description="changes to the recipe's augmentation")
    fine_tune: str | None = Field(
        default=None, description="the trained part of models with pretrained weights"
    )
    batch: int
    epochs: int | None
    minutes: float | None
    budget: BudgetTime = Field(default="wall", description="time that `minutes` counts")
    class_weights: bool = Field(
        default=False, description="True: all classes counted alike in the loss"
    )
    stop_early: bool = Field(
        default=False, description="True: the worse half was dropped at each rung"
    )
    metric: Metric = Field(default="accuracy", description="figure that candidates are ranked by")
    engine: str = Field(
        default=TORCH, description="engine that latency and size, and limits on them, are of"
    )
    engine_version: str | None = Field(default=None, description="its name and version")
    limits: Limits
    trials: list[Trial]
    ranking: list[str] = Field(
        description="finished candidates, best first: models, or models by recipe"
    )
    pareto: list[str] = Field(description="models that no other beats in both accuracy and latency")
    recommended: str | None = Field(
        description="the lightest of the candidates within the limits that may be as accurate as "
        "the most accurate one: the 95 % interval of the difference reaches zero; None: none is "
        "within the limits, or the finding `no_better_than_baseline` advises against it"
    )
    most_accurate: str | None = Field(
        default=None,
        description="the most accurate candidate within the limits, which `differences` are from",
    )
    most_accurate_trial: str | None = Field(default=None, description="folder of its trial")
    differences: list[Difference] = Field(
        default=[],
        description="trained networks: of the other finished candidates from the most accurate "
        "one, in the order of the ranking",
    )
    architectures: list[ArchitectureDifference] = Field(
        default=[],
        description="architectures or recipes: of the other candidates from the first of the "
        "ranking, in its order; those with two trainings or more",
    )
    trainings_lacking: int = Field(
        default=0,
        description="further trainings of each candidate without which architectures cannot be "
        "compared",
    )
    candidates: list[Candidate] = Field(
        default=[], description="all candidates: those of the ranking in its order, then others"
    )
    front: list[str] = Field(
        default=[],
        description="candidates that no other beats over accuracy, latency, size, training time "
        "and memory, in the order of the ranking",
    )
    may_replace: dict[str, list[str]] = Field(
        default={},
        description="for each candidate of the ranking, those below it that may be as accurate; "
        "if it is the most accurate within the limits, the lightest of them is recommended",
    )
    findings: list[Finding] = Field(
        default=[], description="what to know of the ranking and the recommendation"
    )
    complete: bool = Field(description="True: every planned trial was run, or dropped early")
    recommended_trial: str | None = Field(description="folder of the trial to use")
    suspect_labels: list[SuspectLabel] = Field(
        default=[], description="most suspect first, by the best model's held-out predictions"
    )
    can_accuse_labels: bool = Field(
        default=True,
        description="False: no label is suspected, since the best model makes more than half of "
        "the errors of always naming the largest class",
    )
    suspects_among: int = Field(default=0, description="number of held-out images checked")

    def is_on_another_engine(self, trial: Trial) -> bool:
        """Return True if the figures of `trial` are not of the comparison's engine."""
        return trial.status == "done" and trial.engine != self.engine

    @property
    def has_failed(self) -> bool:
        """True if trainings failed and none succeeded."""
        statuses = [trial.status for trial in self.trials]
        return self.complete and "failed" in statuses and "done" not in statuses

    @property
    def as_accurate(self) -> list[str]:
        """The candidates that the held-out images cannot tell from the most accurate one."""
        return [each.candidate for each in self.differences if not each.is_told_apart]

    @property
    def equal_architectures(self) -> list[str]:
        """The candidates that repeated trainings cannot tell from the first of the ranking."""
        return [
            each.candidate
            for each in self.architectures
            if each.is_enough and not each.is_told_apart
        ]

    @property
    def shown_trial(self) -> str | None:
        """Folder of the recommended trial; if none is recommended, of the most accurate one."""
        return self.recommended_trial or self.most_accurate_trial

    def candidate_named(self, name: str) -> Candidate | None:
        """Return the record of a candidate; None: written by an earlier version."""
        return next((each for each in self.candidates if each.name == name), None)

    @property
    def advises_against_best(self) -> bool:
        """True if the best model may be no better than always naming the largest class."""
        return any(finding.code == NO_BETTER_THAN_BASELINE for finding in self.findings)

    def __str__(self) -> str:
        """Return a table of the trials, with the recommendation below."""
        return comparison_as_text(self)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows: the trials, the recommended one in bold."""
        return comparison_as_html(self)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row for each trial; raise ImportError without pandas."""
        return frame_of(self.trials)
