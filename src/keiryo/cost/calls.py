"""The record of a run: the calls of its layers, in their order."""

from dataclasses import dataclass, field

from torch import nn

from keiryo.cost.formula.layers import Shape
from keiryo.cost.receptive_field.field import TensorField


@dataclass(slots=True)
class LayerCall:
    """One call of a layer, or of an operator in a module's own forward."""

    name: str
    module: nn.Module
    input_shapes: list[Shape]
    operator: str | None = None
    output_shapes: list[Shape] = field(default_factory=list)
    output_bytes: int = 0
    operators: dict[str, int] = field(default_factory=dict)
    macs: int = 0
    elements: int = 0
    bytes_moved: int = 0
    weight_bytes: int = 0  # the part of bytes_moved that is weights
    receptive_field: TensorField = None


@dataclass
class Trace:
    """All calls of a run in their order, and its peak memory."""

    calls: list[LayerCall] = field(default_factory=list)
    # The modules in which each unknown operator was run.
    unknown_operators: dict[str, dict[str, None]] = field(default_factory=dict)
    transforms: dict[str, int] = field(default_factory=dict)  # calls of Fourier transforms
    peak_bytes: int = 0
    scratch_peak_bytes: int = 0  # the peak if kernels take the memory that they may take
    output_shapes: list[Shape] = field(default_factory=list)
    modules: dict[str, nn.Module] = field(default_factory=dict)  # all, by their names
    # The first module and operator through which a receptive field could not be followed.
    unknown_at: tuple[str, str] | None = None


class RunError(Exception):
    """The forward of `module`, named `module_name`, raised an error."""

    def __init__(
        self, name: str, module: nn.Module, shapes: list[Shape], *, is_rank: bool = False
    ) -> None:
        super().__init__(name)
        self.is_rank = is_rank  # True: by `check_rank`, before the layer was run
        self.module_name = name
        self.module = module
        self.input_shapes = shapes
