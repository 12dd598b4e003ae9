"""The records of what a network costs before it is trained, and of what a machine can do.

As in `keiryo.records.base`, every number carries its unit in its name, and no torch is needed.
"""

from typing import Literal

from pydantic import Field

from keiryo.records.base import Record

# What `keiryo weigh` and `keiryo doctor` write.
WEIGHING_FILE = "weigh.html"
PROFILE_FILE = "device-profile.json"

Bound = Literal["arithmetic", "memory", "calls"]
LayerKind = Literal[
    "convolution",
    "depthwise convolution",
    "pointwise convolution",
    "linear",
    "attention",
    "recurrent",
    "normalisation",
    "other",
]
OperatorKind = Literal["convolution", "matrix product", "normalisation", "other"]


class ReceptiveField(Record):
    """The receptive field of one output, with a figure for each spatial axis of the input.

    `size` counts inputs on padding too; `stride` is how far neighbouring outputs lie apart
    on the input (0: all see the same); `offset` is the input position at the middle of
    the first output's field.
    """

    size: list[int]
    stride: list[float]
    offset: list[float]


class SeparablePair(Record):
    """A depthwise and a pointwise convolution against the ordinary one they stand for."""

    depthwise: str
    pointwise: str
    macs: int
    ordinary_macs: int
    ratio: float = Field(description="macs / ordinary_macs")
    formula: str = Field(description="1/C_out + 1/K² with its numbers")
    formula_ratio: float


class LayerCost(Record):
    """The cost of one layer; the rows of a network sum to its totals."""

    name: str
    block: str
    type: str
    kind: LayerKind
    calls: int = Field(description="0: it holds parameters but was not run")
    operators: dict[str, int] = Field(description="calls of each of PyTorch's operators")
    input_shape: list[int]
    output_shape: list[int]
    parameters: int
    macs: int
    elements: int = Field(description="elements visited by work that is no multiply-accumulate")
    activation_bytes: int
    bytes_moved: int = Field(description="read and written by its operators, weights included")
    weight_bytes: int = Field(description="of bytes_moved, those of weights")
    formula: str | None = Field(description="the closed formula with its numbers, for one call")
    formula_macs: int | None = Field(description="what the formula gives for all calls")
    padding_macs: int = Field(default=0, description="of macs, those that multiply padding")
    difference: str | None = Field(default=None, description="why formula and count disagree")
    receptive_field: ReceptiveField | None = None
    separable: SeparablePair | None = None
    predicted_ms: float | None = Field(default=None, description="at best, by the roofline")
    bound: Bound | None = None
    measured_ms: float | None = Field(default=None, description="median within whole runs")


class Cost(Record):
    """The cost of a network before it runs."""

    parameters: int = Field(description="trainable elements")
    state_elements: int = Field(description="parameters plus persisted running statistics")
    macs: int | None = Field(
        description="multiply-accumulates for one image; None: an operator is not known"
    )
    size_bytes: int = Field(description="the float32 state")


class Weighing(Cost):
    """The cost of a network before it is trained, layer by layer."""

    model: str
    input_shape: list[int] | list[list[int]] = Field(description="without the batch")
    classes: int | None = None
    known_macs: int = Field(description="those of the operators that are known")
    unknown_operators: list[str] = []
    elements: int = Field(description="elements visited by work that is no multiply-accumulate")
    activation_bytes: int = Field(description="the sum over layer outputs")
    peak_activation_bytes: int = Field(description="held at once by an inference, input included")
    receptive_field: int | None = Field(description="along its longest axis, in input positions")
    receptive_field_stride: float | None = None
    receptive_field_offset: float | None = None
    padding_macs: int = Field(description="of the multiply-accumulates, those on padding")
    predicted_ms: float | None = Field(default=None, description="at best, for one example")
    measured_ms: float | None = Field(default=None, description="median of whole runs")
    notes: list[str] = []
    convention: str
    layers: list[LayerCost]


class DeviceProfile(Record):
    """The limits of a machine, as measured on it once."""

    processor: str
    device: str
    threads: int
    torch: str
    macs_per_second: float = Field(description="of a large float32 matrix product")
    bandwidths: list[tuple[int, float]] = Field(
        description="bytes that an operator touches, and the bytes a second it moves then"
    )
    call_seconds: dict[OperatorKind, float] = Field(
        description="what calling an operator takes that has next to nothing to do"
    )
