"""The record of several comparisons side by side: what changed from one to the next."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Machine, Record
from keiryo.records.decision import SIGNIFICANCE_LEVEL


class ComparedRun(Record):
    """One of the comparisons, in the order of their dates."""

    folder: str = Field(description="as it was named")
    created: str
    keiryo_version: str
    machine: Machine
    data: str
    size: int
    engine: str = Field(description="its name and version")
    train_images: int
    val_images: int
    recommended: str | None
    ranking: list[str]


class Change(Record):
    """A candidate's trained network in one comparison against that in a later one.

    Accuracies are those of torch. A figure is None where it was not measured.
    """

    candidate: str
    before: int = Field(description="place of the earlier comparison in `runs`")
    after: int
    images_before: int
    images_after: int
    shared_images: int = Field(
        description="held-out images of both, known by their content, with the same label"
    )
    is_paired: bool = Field(
        description="True: accuracies are those of the shared images, and the test is paired. "
        "False: fewer than half of them are known to be shared, so each is that of its own images"
    )
    accuracy_before: float
    accuracy_after: float
    interval: tuple[float, float] = Field(
        description="95 % interval of after minus before: Newcombe (1998), method 10 of paired or "
        "of independent proportions"
    )
    p_value: float = Field(
        description="of equal accuracy: McNemar's mid-p if paired, else the z test of two "
        "proportions; adjusted for the number of changes (Holm 1979)"
    )
    same_machine: bool = Field(
        description="True: same processor, device, threads and engine, so times can be compared"
    )
    latency_ms_before: float | None = None
    latency_ms_after: float | None = None
    latency_verdict: Literal["faster", "slower", "same", "unknown"] = Field(
        default="unknown",
        description="faster, slower: the passes of the two do not overlap; unknown: other machine "
        "or image size, disturbed, or not measured",
    )
    artifact_bytes_before: int | None = None
    artifact_bytes_after: int | None = None
    train_seconds_before: float | None = None
    train_seconds_after: float | None = None

    @property
    def difference(self) -> float:
        """The accuracy after minus the accuracy before."""
        return self.accuracy_after - self.accuracy_before

    @property
    def is_more_than_chance(self) -> bool:
        """True if chance alone would rarely bring such a change of accuracy."""
        return self.p_value < SIGNIFICANCE_LEVEL


class Changes(Record):
    """Several comparisons, and the changes of the candidates that more than one of them has."""

    runs: list[ComparedRun]
    changes: list[Change]
    other_classes: list[tuple[str, int, int]] = Field(
        default=[],
        description="candidates that are not compared, since the classes of the two differ, with "
        "their places in `runs`",
    )
    only_in: dict[str, int] = Field(
        description="candidates of one comparison alone, with its place in `runs`"
    )
