"""The records of speed: latency, layer times, training steps."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record


class Load(Record):
    """The load of the machine during a measurement."""

    wall_seconds: float
    processor_seconds: float = Field(description="processor time of the measuring process")
    others_share: float = Field(
        description="share, from 0 to 1, of the machine's processor time that others took"
    )
    pressure: float | None = Field(
        description="share of the time in which some process waited for a core; None: not known"
    )
    disturbed: bool = Field(description="True: others took more than a tenth")


class Latency(Record):
    """Milliseconds for one batch: median and 95th percentile over `runs`, after warm-up."""

    p50: float
    p95: float
    best: float | None = Field(default=None, description="of the fastest run")
    batch: int
    threads: int
    runs: int
    device: str
    peak_memory_bytes: int | None = Field(default=None, description="of the measuring process")
    load: Load | None = Field(default=None, description="None: measured by an earlier version")

    @property
    def is_disturbed(self) -> bool:
        """True if others took the machine's processor time meanwhile."""
        return self.load is not None and self.load.disturbed


class LayerSpeed(Record):
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
    arithmetic_ms: float
    memory_ms: float


class Speed(Record):
    """The speed of a model's inference or training; `latency_ms` is for one batch or step."""

    model: str
    mode: Literal["inference", "training"]
    size: int
    batch: int
    latency_ms: Latency
    images_per_second: float = Field(description="for the median batch")
    precision: Literal["float32", "bfloat16"] = "float32"
    peak_memory_bytes: int | None
    layers: list[LayerSpeed] = []
