"""The records that cross rooms and go to disk.

They know nothing but their fields: no torch, no paths that only this machine has.
Every number carries its unit in its name.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# What a comparison's folder holds, for the rooms that write it and those that read it.
RESULTS_FILE = "results.json"
TABLE_FILE = "results.csv"
REPORT_FILE = "report.html"
CURVES_FOLDER = "curves"

Severity = Literal["info", "warning", "error"]
Status = Literal["done", "failed", "stopped"]


class Record(BaseModel):
    """A record that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid")


class Finding(Record):
    """Something a user should know about their data or a training: what, how bad, what to do."""

    code: str
    severity: Severity
    evidence: str
    advice: str
    files: list[str] = []


class Cost(Record):
    """What a network costs before it runs."""

    parameters: int = Field(description="trainable elements")
    state_elements: int = Field(description="parameters plus persisted running statistics")
    macs: int = Field(description="multiply-accumulates for one picture")
    size_bytes: int = Field(description="the float32 state")


class Epoch(Record):
    """One pass over the training pictures.

    `train_loss` and `train_accuracy` are running figures, over augmented pictures and
    changing weights, as the training saw them; `val_*` are over the held-out pictures
    at the end of the epoch.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float


class Latency(Record):
    """Milliseconds for one batch: median and 95th percentile over `runs`, after warm-up."""

    p50: float
    p95: float
    batch: int
    threads: int
    runs: int
    device: str


class Trial(Record):
    """One model trained with one seed, or the attempt at it."""

    model: str
    seed: int
    status: Status
    folder: str = Field(description="where its files are, relative to the comparison")
    parameters: int | None = None
    state_elements: int | None = None
    macs: int | None = None
    artifact_bytes: int | None = None
    train_seconds: float | None = None
    epochs: int | None = None
    images_per_second: float | None = None
    peak_memory_bytes: int | None = None
    latency_ms: Latency | None = None
    train_accuracy: float | None = Field(
        default=None,
        description="of as many training pictures as are held out, unvaried, in inference mode",
    )
    val_accuracy: float | None = None
    val_accuracy_interval: tuple[float, float] | None = Field(
        default=None, description="95 % Wilson interval, for the number of held-out pictures"
    )
    test_accuracy: float | None = None
    history: list[Epoch] = []
    diagnosis: list[Finding] = []
    error: str | None = Field(default=None, description="the last words of one that failed")


class Machine(Record):
    """What the figures were measured on."""

    system: str
    processor: str
    cores: int
    memory_bytes: int
    device: str
    threads: int
    python: str
    torch: str


class DataSummary(Record):
    """What the trials were trained and tested on."""

    name: str
    size: int
    classes: list[str]
    train_images: int
    val_images: int
    test_images: int = 0
    findings: list[Finding] = []


class Limits(Record):
    """What a model may cost at the most to be recommended."""

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_params: int | None = None


class Comparison(Record):
    """All trials of one comparison, and what follows from them."""

    keiryo_version: str
    created: str
    machine: Machine
    data: DataSummary
    recipe: str
    batch: int
    epochs: int | None
    minutes: float | None
    limits: Limits
    trials: list[Trial]
    ranking: list[str] = Field(description="models that finished, best first")
    pareto: list[str] = Field(description="models that no other beats in accuracy and latency")
    recommended: str | None
    complete: bool = Field(description="whether every planned trial was run")
    recommended_trial: str | None = Field(description="the folder of the trial to use")
