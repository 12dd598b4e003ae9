"""The records of a network's cost before training, and of a machine's limits.

As in `keiryo.records.base`, every number has its unit in its name, and no torch is needed.
"""

from typing import Any, Literal

from pydantic import Field

from keiryo.records.base import Record

# The files that `keiryo weigh` and `keiryo doctor` write.
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

    `size` counts inputs on padding too; `stride` is the distance on the input between
    neighbouring outputs (0: all see the same); `offset` is the input position at the middle
    of the first output's field.
    """

    size: list[int]
    stride: list[float]
    offset: list[float]
    is_upper_bound: bool = Field(default=False, description="true: it may be smaller")


class SeparablePair(Record):
    """A depthwise and a pointwise convolution, and the ordinary one that they replace."""

    depthwise: str
    pointwise: str
    macs: int
    ordinary_macs: int
    ratio: float = Field(description="macs / ordinary_macs")
    formula: str = Field(description="1/C_out + 1/K² with its numbers")
    formula_ratio: float


class LayerCost(Record):
    """The cost of one layer; a network's layers sum to its totals."""

    name: str
    block: str
    block_title: str = Field(default="", description="the block in words: dense block 1")
    title: str = Field(default="", description="its place in words: dense block 1, layer 3")
    type: str
    kind: LayerKind
    calls: int = Field(description="0: it has parameters but was not run")
    operators: dict[str, int] = Field(description="number of calls of each PyTorch operator")
    input_shape: list[int]
    output_shape: list[int]
    parameters: int = Field(description="trainable elements")
    frozen_parameters: int = 0
    macs: int
    elements: int = Field(description="elements visited by work other than multiply-accumulates")
    activation_bytes: int
    bytes_moved: int = Field(description="read and written by its operators, weights included")
    weight_bytes: int = Field(description="the part of bytes_moved that is weights")
    formula: str | None = Field(description="the closed formula with its numbers, for one call")
    formula_macs: int | None = Field(description="result of the formula for all calls")
    padding_macs: int = Field(default=0, description="the part of macs that multiplies padding")
    difference: str | None = Field(
        default=None, description="the difference of formula and count, and its reason"
    )
    receptive_field: ReceptiveField | None = None
    separable: SeparablePair | None = None
    predicted_ms: float | None = Field(default=None, description="least time, by the roofline")
    bound: Bound | None = None
    measured_ms: float | None = Field(default=None, description="median over runs of the network")


class Cost(Record):
    """The cost of a network before it runs."""

    parameters: int = Field(description="trainable elements")
    state_elements: int = Field(description="parameters plus persisted running statistics")
    macs: int | None = Field(
        description="multiply-accumulates for one image; None: an operator is unknown"
    )
    size_bytes: int = Field(description="size of the state in float32")


class TrainingStep(Record):
    """The cost of one step of training, for the batch of the weighing."""

    forward_macs: int = Field(description="multiply-accumulates of the forward pass")
    backward_macs: int | None = Field(
        description="multiply-accumulates of the backward pass; None: an operator is unknown"
    )
    saved_activation_bytes: int = Field(description="kept from the forward for the backward pass")
    gradient_bytes: int = Field(description="a gradient for each trainable element")
    optimizer_bytes: dict[str, int] = Field(description="state of each optimiser, by its name")
    unknown_operators: list[str] = []


class Weighing(Cost):
    """The cost of a network before it is trained, layer by layer."""

    model: str
    input_shape: list[int] | list[list[int]] = Field(description="without the batch")
    batch: int = Field(default=1, description="examples at once, for which all figures are")
    dtype: str = Field(default="float32", description="floating-point format of sizes in bytes")
    classes: int | None = None
    frozen_parameters: int = Field(default=0, description="parameters that need no gradient")
    own_size_bytes: int | None = Field(
        default=None, description="size of the state in the network's own formats"
    )
    known_macs: int = Field(description="multiply-accumulates of the known operators")
    unknown_operators: list[str] = []
    elements: int = Field(description="elements visited by work other than multiply-accumulates")
    activation_bytes: int = Field(description="sum over layer outputs")
    peak_activation_bytes: int = Field(
        description="the most that an inference holds at once, input included"
    )
    peak_is_lower_bound: bool = Field(
        default=False, description="kernels may take more memory of their own"
    )
    receptive_field: int | None = Field(description="along its longest axis, in input positions")
    receptive_field_stride: float | None = None
    receptive_field_offset: float | None = None
    receptive_field_is_upper_bound: bool = Field(
        default=False, description="it was not followed all the way, and may be smaller"
    )
    padding_macs: int = Field(description="multiply-accumulates on padding")
    predicted_ms: float | None = Field(default=None, description="least time for one example")
    measured_ms: float | None = Field(default=None, description="median of whole runs")
    training: TrainingStep | None = None
    notes: list[str] = []
    convention: str
    layers: list[LayerCost]

    def __str__(self) -> str:
        """Return a table of the layers, with the totals below."""
        from keiryo.records.tables.cost_table import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        from keiryo.records.tables.cost_table import as_html

        return as_html(self)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row for each layer; raise ImportError without pandas."""
        from keiryo.records.tables.frame import frame_of

        return frame_of(self.layers)


class DeviceProfile(Record):
    """The measured limits of a machine."""

    processor: str
    device: str
    threads: int
    torch: str
    macs_per_second: float = Field(description="of a large float32 matrix product")
    bandwidths: list[tuple[int, float]] = Field(
        description="pairs of bytes that an operator touches and the bytes a second it then moves"
    )
    call_seconds: dict[OperatorKind, float] = Field(
        description="time to call an operator that has almost nothing to compute"
    )
