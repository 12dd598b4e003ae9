"""The records of speed: latency, layer times, training steps."""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record


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
    """The time of one layer in a training step, measured alone, beside the least it can take.

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
    """The speed of a model's inference or training; `latency_ms` is of one batch, or step."""

    model: str
    mode: Literal["inference", "training"]
    size: int
    batch: int
    latency_ms: Latency
    images_per_second: float = Field(description="of the median batch")
    precision: Literal["float32", "bfloat16"] = "float32"
    peak_memory_bytes: int | None
    layers: list[LayerSpeed] = []
