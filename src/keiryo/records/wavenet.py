"""The records of a WaveNet's training and of its speed, as they go to disk.

As in `keiryo.records.base`, every number has its unit in its name, and no torch is needed.
"""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Finding, Machine, Record, Status
from keiryo.records.speed import Load

# In the folder of a training, beside `results.json` and `report.html`.
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
    macs_per_sample: int = Field(
        description="multiply-accumulates to generate one sample, without conditions"
    )
    receptive_field_samples: int
    receptive_field_ms: float


class ConditionValues(Record):
    """A condition and its values."""

    name: str
    values: list[str]


class RecordingsSummary(Record):
    """The recordings that were trained on, and those held out."""

    name: str
    rate_hz: int
    conditions: list[ConditionValues]
    train_recordings: int
    val_recordings: int
    train_seconds: float
    val_seconds: float
    trained_conditions: dict[str, str] = Field(
        default={}, description="the combination that most training recordings have"
    )
    findings: list[Finding] = []


class WaveNetEpoch(Record):
    """One pass over the training recordings, then over the held-out ones.

    Bits per sample are the cross-entropy over ln 2. For training they are the mean over the
    epoch's steps; for held-out recordings they are for the averaged weights, on some of the
    recordings if there are many.
    """

    epoch: int
    steps: int = Field(description="number of steps by its end, over all epochs")
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

    `level_db` is its root mean square in decibels below full scale; None: silence.
    """

    file: str
    kind: Literal["recording", "generated"]
    epoch: int | None = Field(default=None, description="epoch after which it was generated")
    conditions: dict[str, str] = {}
    seconds: float
    level_db: float | None


class GenerationSpeed(Load):
    """The speed of one way to generate, and the load of the machine meanwhile.

    `real_time_factor` is seconds of sound per second.
    """

    way: str
    streams: int
    threads: int
    samples_per_second: float = Field(description="of all streams together, in the median round")
    least_samples_per_second: float
    most_samples_per_second: float
    real_time_factor: float = Field(description="of all streams together")
    rounds: int


class GenerationBench(Record):
    """The speeds of all ways to generate from one network."""

    keiryo_version: str
    machine: Machine
    model: str | None = Field(description="the model's file; None: random weights")
    rate_hz: int
    network: NetworkSummary
    speeds: list[GenerationSpeed]


class ExportedStep(Record):
    """A WaveNet's step as an ONNX file, compared with keiryo's own generation.

    `largest_difference` is over all outputs of `checked_steps` steps. The speed is that of ONNX
    Runtime, for one stream on one thread, without drawing samples.
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
    epochs: int | None = Field(description="number asked for; None: minutes were asked for")
    minutes: float | None
    status: Status
    complete: bool = Field(description="True: it had all of its epochs or minutes")
    error: str | None = None
    steps: int
    train_seconds: float
    train_samples_per_second: float = Field(description="without evaluation and generation")
    peak_memory_bytes: int
    model_bytes: int | None = None
    guessing_bits_per_sample: float = Field(
        description="entropy of the codes: the loss of guessing by each code's frequency"
    )
    train_bits_per_sample: float | None = Field(
        default=None, description="with averaged weights, on some of the training recordings"
    )
    val_bits_per_sample: float | None = Field(
        default=None,
        description="with averaged weights, on all held-out recordings, or on as many as the "
        "--minutes allowed, evenly over the conditions",
    )
    val_samples: int = Field(default=0, description="held-out samples that were evaluated")
    held_out_samples: int | None = Field(default=None, description="all held-out samples")
    val_bits_standard_error: float | None = Field(
        default=None, description="over recordings; None: of one recording, or not measured"
    )
    train_bits_standard_error: float | None = Field(
        default=None, description="over recordings; None: of one recording, or not measured"
    )
    conditions_save_bits_per_sample: float | None = Field(
        default=None,
        description="rise in held-out bits per sample when each recording is given another's "
        "conditions",
    )
    generated_samples_per_second: float | None = None
    real_time_factor: float | None = Field(
        default=None, description="seconds of sound generated per second, in one stream"
    )
    history: list[WaveNetEpoch] = []
    loss_curve: list[LossPoint] = []
    sounds: list[Sound] = []
    diagnosis: list[Finding] = []
