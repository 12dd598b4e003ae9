"""The records of a WaveNet's training and of its speed, as they go to disk.

As in `keiryo.records.base`, every number carries its unit in its name, and no torch is needed.
"""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Finding, Machine, Record, Status

# What the folder of a training holds beside `results.json` and `report.html`.
SOUNDS_FOLDER = "samples"
WAVENET_SNAPSHOTS_FILE = "snapshots.json"


class NetworkSummary(Record):
    """The network that was trained; widths are channels."""

    stacks: int
    layers_per_stack: int
    kernel_size: int
    dilated: bool
    residual_channels: int
    skip_channels: int
    output: Literal["softmax", "logistics"]
    parameters: int
    macs_per_sample: int = Field(description="multiply-accumulates to generate one, conditions off")
    receptive_field_samples: int
    receptive_field_ms: float


class ConditionValues(Record):
    """A condition and the values that it takes."""

    name: str
    values: list[str]


class RecordingsSummary(Record):
    """The recordings that were trained on and held out."""

    name: str
    rate_hz: int
    conditions: list[ConditionValues]
    train_recordings: int
    val_recordings: int
    train_seconds: float
    val_seconds: float
    findings: list[Finding] = []


class WaveNetEpoch(Record):
    """One pass over the training recordings, and the held-out ones after it.

    Bits per sample are the cross-entropy over ln 2. Those of training are the means over the
    epoch's steps; held-out ones are of the averaged weights, of some of the recordings where
    there are many.
    """

    epoch: int
    steps: int = Field(description="made by its end, in all")
    train_bits_per_sample: float
    val_bits_per_sample: float
    learning_rate: float
    seconds: float


class LossPoint(Record):
    """The loss of one training step."""

    step: int
    bits_per_sample: float


class Sound(Record):
    """A WAV file in the folder of a training.

    `level_db` is its root mean square below full scale; None: silence.
    """

    file: str
    kind: Literal["recording", "generated"]
    epoch: int | None = Field(default=None, description="after which it was generated")
    conditions: dict[str, str] = {}
    seconds: float
    level_db: float | None


class GenerationSpeed(Record):
    """The speed of one way to generate; `real_time_factor` is seconds of sound in a second."""

    way: str
    streams: int
    threads: int
    samples_per_second: float = Field(description="of all streams together; the median round")
    least_samples_per_second: float
    most_samples_per_second: float
    real_time_factor: float = Field(description="of all streams together")
    rounds: int


class GenerationBench(Record):
    """Ways to generate from one network, measured in turn."""

    keiryo_version: str
    machine: Machine
    model: str | None = Field(description="the file, or None: random weights")
    rate_hz: int
    network: NetworkSummary
    speeds: list[GenerationSpeed]


class ExportedStep(Record):
    """A WaveNet's step as an ONNX file, and how it compared with keiryo's own generation.

    `largest_difference` is of any output at any of `checked_steps` steps; the speed is that of
    ONNX Runtime, one sound on one thread, drawing of samples apart.
    """

    path: str
    size_bytes: int
    checked_steps: int
    largest_difference: float
    samples_per_second: float
    real_time_factor: float


class WaveNetTraining(Record):
    """A WaveNet's training and its results: `results.json` in its folder."""

    kind: Literal["wavenet"] = "wavenet"
    keiryo_version: str
    created: str
    machine: Machine
    data: RecordingsSummary
    network: NetworkSummary
    seed: int
    batch: int
    chunk_samples: int
    optimizer: str
    learning_rate: float
    epochs: int | None = Field(description="that were asked for; None: minutes were")
    minutes: float | None
    status: Status
    complete: bool = Field(description="whether it had all of its epochs or minutes")
    error: str | None = None
    steps: int
    train_seconds: float
    train_samples_per_second: float = Field(description="evaluation and generation apart")
    peak_memory_bytes: int
    model_bytes: int | None = None
    guessing_bits_per_sample: float = Field(
        description="entropy of the codes: of guessing by how often each code occurs"
    )
    train_bits_per_sample: float | None = Field(
        default=None, description="of averaged weights, on some of the training recordings"
    )
    val_bits_per_sample: float | None = Field(
        default=None, description="of averaged weights, on all held-out recordings"
    )
    val_samples: int = 0
    conditions_save_bits_per_sample: float | None = Field(
        default=None,
        description="rise in held-out bits per sample when each recording is given another's "
        "conditions",
    )
    generated_samples_per_second: float | None = None
    real_time_factor: float | None = Field(
        default=None, description="seconds of sound generated in a second, one stream"
    )
    history: list[WaveNetEpoch] = []
    loss_curve: list[LossPoint] = []
    sounds: list[Sound] = []
    diagnosis: list[Finding] = []
