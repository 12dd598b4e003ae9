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
TENSORBOARD_FOLDER = "tensorboard"  # written with --log
MLFLOW_FOLDER = "mlruns"
THUMBNAILS_FILE = "thumbnails.json"  # name of a picture that is spoken of -> data URL
SNAPSHOTS_FILE = "snapshots.json"  # in a trial's folder
CHECK_FILE = "check.html"  # that of `keiryo data check`

Severity = Literal["info", "warning", "error"]
# How a picture that is not square becomes one: its middle, all of it between bars, or squeezed.
Fit = Literal["crop", "letterbox", "stretch"]
Status = Literal["done", "failed", "stopped"]


class Record(BaseModel):
    """A record that refuses keys it does not know."""

    # What is not a number stays so when it is read again: JSON itself knows no NaN.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


class PictureGroup(Record):
    """Pictures that belong together: copies, near-copies, or a leak with its origin."""

    files: list[str]
    labels: list[str]
    splits: list[str] = Field(default=[], description="in which each lies, where there are some")
    distance: int | None = Field(default=None, description="between the hashes of two, of 256 bits")


class Finding(Record):
    """Something a user should know about their data or a training: what, how bad, what to do."""

    code: str
    severity: Severity
    evidence: str
    advice: str
    files: list[str] = []
    groups: list[PictureGroup] = []


class UnreadablePicture(Record):
    """A file that no picture could be had from."""

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
    """What `keiryo data check` found."""

    keiryo_version: str
    name: str
    images: int = Field(description="that could be read")
    classes: dict[str, int] = Field(description="pictures of each")
    splits: dict[str, int] = Field(description="pictures of each, where the data has some")
    unreadable: list[UnreadablePicture]
    exact_copies: list[PictureGroup] = Field(description="the same pixels")
    near_copies: list[PictureGroup] = Field(description="pairs of nearly the same picture")
    label_conflicts: list[PictureGroup] = Field(description="the same pixels under several classes")
    split_leaks: list[PictureGroup] = Field(description="held-out pictures with training pictures")
    imbalance: Imbalance
    findings: list[Finding] = Field(description="all of it in words, the gravest first")


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


class Pause(Record):
    """Where a training paused, and what of the held-out pictures it told right by then."""

    share: float = Field(description="of its budget, from 0 to 1, at which it was to pause")
    val_accuracy: float


class LayerSnapshot(Record):
    """How one layer fared in one training step.

    A layer with weights has norms, a gradient and an update; one of batch norm, how far
    its running statistics were from the batch's; an activation, what it let through.
    """

    layer: str
    kind: Literal["weights", "batch norm", "activation"]
    weight_norm: float | None = Field(default=None, description="L2, of its weights")
    gradient_norm: float | None = Field(
        default=None, description="L2, of the loss by its weights, before any clipping"
    )
    update_ratio: float | None = Field(
        default=None, description="what the step changed, by L2, over the weights' own"
    )
    activation_rms: float | None = Field(
        default=None, description="root mean square of its outputs"
    )
    dead_share: float | None = Field(
        default=None, description="of its channels, those that were zero for the whole batch"
    )
    saturated_share: float | None = Field(
        default=None, description="of its outputs, those at the flat end of the activation"
    )
    mean_gap: float | None = Field(
        default=None,
        description="running mean against the batch's, in standard deviations of the batch: "
        "root mean square over the channels",
    )
    variance_ratio: float | None = Field(
        default=None, description="running variance over the batch's, median over the channels"
    )


class Snapshot(Record):
    """One training step, looked at layer by layer."""

    epoch: int = Field(description="from 1")
    step: int = Field(description="of the whole training, from 0")
    loss: float
    learning_rate: float
    gradient_norm: float = Field(description="L2, over all parameters, before any clipping")
    noise_scale: float | None = Field(
        default=None,
        description="pictures in a batch at which the gradient's noise equals the gradient",
    )
    layers: list[LayerSnapshot] = Field(description="in the order they ran")


class SnapshotFile(Record):
    """What `snapshots.json` in a trial's folder holds."""

    format_version: int = 1
    snapshots: list[Snapshot]


class Latency(Record):
    """Milliseconds for one batch: median and 95th percentile over `runs`, after warm-up."""

    p50: float
    p95: float
    batch: int
    threads: int
    runs: int
    device: str
    peak_memory_bytes: int | None = Field(default=None, description="of the process that ran it")


class LayerSpeed(Record):
    """How long one layer takes in a training step, measured alone, and how long it must.

    `arithmetic_ms` and `memory_ms` are the least that its multiply-accumulates take at the
    machine's matrix rate, and its inputs, outputs and their gradients at the memory's,
    each moved once.
    """

    layer: str
    kind: str
    output_shape: tuple[int, ...]
    forward_ms: float
    backward_ms: float
    arithmetic_ms: float
    memory_ms: float


class Speed(Record):
    """How fast a model runs, or trains, on a machine; `latency_ms` is of one batch, or step."""

    model: str
    mode: Literal["inference", "training"]
    size: int
    batch: int
    latency_ms: Latency
    images_per_second: float = Field(description="of the median batch")
    precision: Literal["float32", "bfloat16"] = "float32"
    peak_memory_bytes: int | None
    layers: list[LayerSpeed] = []


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
        description="of the time of its training steps, that spent waiting for pictures",
    )
    peak_memory_bytes: int | None = None
    latency_ms: Latency | None = None
    train_accuracy: float | None = Field(
        default=None,
        description="of as many training pictures as are held out, unvaried, in inference mode",
    )
    val_accuracy: float | None = None
    val_images: int | None = None
    val_accuracy_interval: tuple[float, float] | None = Field(
        default=None, description="95 % Wilson interval, for the number of held-out pictures"
    )
    test_accuracy: float | None = None
    val_accuracy_with_leaks: float | None = Field(
        default=None, description="what it would seem with the leaked pictures of the owner's split"
    )
    robustness: dict[str, list[float]] = Field(
        default={}, description="held-out accuracy under each corruption, by rising strength"
    )
    robust_accuracy: float | None = Field(default=None, description="the mean of those")
    history: list[Epoch] = []
    diagnosis: list[Finding] = []
    error: str | None = Field(default=None, description="the last words of one that failed")
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
        """What competes with others: the model, with its recipe where there are several."""
        return self.model if self.recipe is None else f"{self.model} by {self.recipe}"

    def has_paused_at(self, share: float) -> bool:
        """Whether it has come to `share` of its budget, or further, and waits to go on."""
        return self.status == "stopped" and any(pause.share >= share for pause in self.pauses)


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


class SuspectLabel(Record):
    """A held-out picture whose label a model contradicts with confidence."""

    file: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float


class DataSummary(Record):
    """What the trials were trained and tested on."""

    name: str
    size: int
    fit: Fit = "crop"
    classes: list[str]
    train_images: int
    val_images: int
    test_images: int = 0
    own_split: bool = Field(default=False, description="whether its owner said what to hold out")
    leaked_images: int = Field(
        default=0, description="held out by their owner, but left out as training pictures too"
    )
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
    suspects_among: int = Field(default=0, description="held-out pictures that were looked at")
