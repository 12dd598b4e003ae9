"""The records of speed: latency, layer times, training steps."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

TORCH = "torch"  # the engine that networks are trained with


class Load(Record):
    """The load of the machine during a measurement; None: measured by an earlier version."""

    wall_seconds: float | None = None
    processor_seconds: float | None = Field(
        default=None, description="processor time of the measuring process"
    )
    others_seconds: float | None = Field(
        default=None, description="processor time of all other processes"
    )
    others_share: float | None = Field(
        default=None, description="their share, from 0 to 1, of the processor time of all cores"
    )
    pressure: float | None = Field(
        default=None,
        description="share of the time in which some process waited for a core; None: not known",
    )
    disturbed: bool = Field(default=False, description="True: others took more than a tenth")


class Latency(Load):
    """Milliseconds for one batch, after warm-up, and the load of the machine meanwhile.

    The runs are done in several passes, in turn with those of other models. `p50`, `p95` and `p99`
    are medians over the passes, and so are those of the processor time. That is the sum over the
    threads of the measuring process, so other processes lengthen it little.
    """

    p50: float
    p95: float
    p99: float | None = Field(default=None, description="None: measured by an earlier version")
    best: float | None = Field(default=None, description="of the fastest run")
    processor_p50: float | None = Field(default=None, description="processor time, median run")
    processor_p95: float | None = Field(default=None, description="processor time, 95th percentile")
    processor_best: float | None = Field(default=None, description="least processor time of a run")
    spread: tuple[float, float] | None = Field(
        default=None, description="lowest and highest p50 of a pass"
    )
    batch: int
    threads: int
    runs: int
    device: str
    engine: str = Field(default=TORCH, description="engine that ran the network")
    peak_memory_bytes: int | None = Field(default=None, description="of the measuring process")
    cold_start_ms: float | None = Field(
        default=None,
        description="the first answer of a new process: the engine is loaded, the file opened "
        "and a batch run; None: measured by an earlier version",
    )


class Neighbour(Record):
    """Another process, and the number of cores that it keeps busy."""

    name: str
    pid: int
    cores: float


class Neighbourhood(Load):
    """The load of the machine now, and the other processes that compute, the busiest first."""

    neighbours: list[Neighbour] = []


class LayerSpeed(Load):
    """The time of one layer in a training step, measured alone, and the least it can take.

    `arithmetic_ms` is the time of its multiply-accumulates at the machine's matrix rate.
    `memory_ms` is the time to move its inputs, outputs and their gradients once each, at the
    memory's bandwidth.
    """

    layer: str
    kind: str
    output_shape: tuple[int, ...]
    forward_ms: float
    backward_ms: float
    best_ms: float | None = Field(default=None, description="forward and backward, fastest run")
    arithmetic_ms: float
    memory_ms: float


class Speed(Record):
    """The speed of a model's inference or training; `latency_ms` is for one batch or step."""

    model: str
    mode: Literal["inference", "training"]
    size: int
    # That of one example, if it is no RGB image of `size`.
    input_shape: tuple[int, ...] | None = None
    batch: int
    latency_ms: Latency
    images_per_second: float = Field(description="for the median batch")
    engine_version: str | None = Field(default=None, description="the engine's name and version")
    file_bytes: int | None = Field(
        default=None, description="size of the file that the engine runs; None: not recorded"
    )
    largest_difference: float | None = Field(
        default=None,
        description="of a probability from torch's, on random images; None: not compared",
    )
    precision: Literal["float32", "bfloat16"] = "float32"
    peak_memory_bytes: int | None
    layers: list[LayerSpeed] = []
