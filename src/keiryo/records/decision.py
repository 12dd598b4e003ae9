"""The records of a choice between candidates: their differences, and reasons for and against."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

SIGNIFICANCE_LEVEL = 0.05
# With fewer trainings of each, chance moves their means too much to compare architectures.
ENOUGH_TRAININGS = 5

Limited = Literal["latency_ms", "size_mb", "parameters"]
# Costs and accuracy, over which no other candidate is better than one on the front.
Quantity = Literal["accuracy", "latency_ms", "artifact_bytes", "train_seconds", "memory_bytes"]
ReasonCode = Literal[
    "recommended",  # the recommended one
    "not_finished",  # it failed, or was stopped
    "dropped",  # --stop-early dropped it, or its cost is over a limit before any training
    "over_limit",  # `quantity`, `figure`, and the limit `than`
    "at_chance",  # its accuracy may be no better than `than`, that of the largest class alone
    "less_accurate",  # by `figure`, `interval`, than the candidate `other`
    "heavier",  # as accurate as the best, but `quantity` is `figure`, that of `other` is `than`
    "ranked_lower",  # its `quantity`, `figure`, is below that of `other`, `than`
]


class Difference(Record):
    """A candidate's trained network against the best one's, on the same held-out images."""

    candidate: str
    images: int = Field(description="held-out images that both were tried on")
    difference: float = Field(description="the best one's accuracy minus this one's")
    interval: tuple[float, float] = Field(
        description="95 % interval of the difference (Newcombe 1998, method 10)"
    )
    p_value: float = Field(
        description="of equal accuracy, by `test`, adjusted for the number of candidates "
        "(Holm 1979)"
    )
    test: Literal["mcnemar", "corrected_resampled"] = Field(
        default="mcnemar",
        description="mcnemar: McNemar's mid-p. corrected_resampled: with folds, whose networks "
        "share most training images, the t test with the corrected variance of Nadeau & Bengio "
        "(2003)",
    )
    folds_interval: tuple[float, float] | None = Field(
        default=None, description="with folds: 95 % interval of the difference by that variance"
    )

    @property
    def is_told_apart(self) -> bool:
        """True if chance alone would rarely make the two differ so much."""
        return self.p_value < SIGNIFICANCE_LEVEL


class ArchitectureDifference(Record):
    """A candidate against the first of the ranking, over repeated trainings of both.

    It answers which architecture or recipe is better, not which trained network. Accuracies are
    those of torch.
    """

    candidate: str
    trainings: int = Field(description="finished trainings of this candidate: seeds, or folds")
    trainings_of_best: int
    method: Literal["welch", "corrected_resampled"] = Field(
        description="welch: over seeds, Welch's t test. corrected_resampled: over folds, the t "
        "test with the corrected variance of Nadeau & Bengio (2003)"
    )
    difference: float = Field(description="mean accuracy of the best one minus this one's")
    interval: tuple[float, float] = Field(
        description="95 % interval of the difference, by `method`: for other seeds, on these "
        "held-out images"
    )
    p_value: float = Field(
        description="of equal mean accuracy, by `method`, adjusted for the number of candidates "
        "(Holm 1979)"
    )
    crossed_interval: tuple[float, float] | None = Field(
        default=None,
        description="95 % interval by a bootstrap of images and seeds (Owen 2007): for other "
        "seeds and other images; None: folds",
    )
    outperforms: float | None = Field(
        default=None,
        description="probability that a training of the best one is more accurate than one of this "
        "one, on these images; ties count half; None: folds",
    )
    outperforms_interval: tuple[float, float] | None = Field(
        default=None, description="95 % interval of that probability (Newcombe 2006, method 5)"
    )
    trainings_needed: int | None = Field(
        default=None,
        description="trainings of each that would tell a difference of this size in 80 % of cases; "
        "None: over 1,000, or folds",
    )

    @property
    def is_enough(self) -> bool:
        """True if there are enough trainings of both to say anything."""
        return min(self.trainings, self.trainings_of_best) >= ENOUGH_TRAININGS

    @property
    def is_told_apart(self) -> bool:
        """True if other seeds and other images would rarely bring such a difference."""
        crossed = self.crossed_interval
        holds_for_other_images = crossed is None or crossed[0] > 0.0
        return self.is_enough and self.p_value < SIGNIFICANCE_LEVEL and holds_for_other_images


class Reason(Record):
    """A reason for or against recommending a candidate; the codes say which figures it has."""

    code: ReasonCode
    quantity: Limited | Literal["accuracy", "balanced_accuracy"] | None = None
    figure: float | None = Field(default=None, description="this candidate's")
    than: float | None = Field(default=None, description="the limit's, or the other candidate's")
    interval: tuple[float, float] | None = None
    other: str | None = Field(default=None, description="the candidate it is compared with")


class Candidate(Record):
    """A model, or a model by a recipe, over all its finished trainings; figures are means."""

    name: str
    trainings: int
    trial: str | None = Field(
        default=None, description="folder of the trained network that would be handed over"
    )
    accuracy: float | None = None
    accuracy_range: tuple[float, float] | None = Field(
        default=None, description="lowest and highest of its trainings"
    )
    latency_ms: float | None = None
    artifact_bytes: float | None = None
    train_seconds: float | None = None
    memory_bytes: float | None = Field(
        default=None,
        description="peak memory of the process that runs it; of its training, if that was not "
        "measured for all candidates",
    )
    is_on_front: bool = Field(
        default=False,
        description="True: no other candidate is as good in accuracy, latency, size, training time "
        "and memory, and better in one of them",
    )
    beaten_by: list[str] = Field(default=[], description="the candidates that are")
    reasons: list[Reason] = Field(
        default=[], description="why it is not the recommended one, the weightiest first"
    )
