"""How windows that slide over a tensor change its receptive field."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

from torch import Tensor

from keiryo.cost.receptive_field import LOST, Axis, Field, Known, whole

Arguments = dict[str, Any]


class _Windows(NamedTuple):
    """A window's figures, each for all spatial axes at once or a list of them."""

    axes: int
    kernel: Any
    stride: Any
    padding: Any
    dilation: Any

    def along(self, index: int) -> dict[str, int]:
        """Return the figures of spatial axis `index`."""
        return {
            "kernel": _figure(self.kernel, index, 1),
            "stride": _figure(self.stride, index, 1),
            "padding": _figure(self.padding, index, 0),
            "dilation": _figure(self.dilation, index, 1),
        }


def _figure(values: Any, index: int, default: int) -> int:
    if isinstance(values, int):
        return values
    if not values:
        return default
    return values[index] if len(values) > 1 else values[0]


def pooling(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    """Follow max and average pooling."""
    kernel = arguments["kernel_size"]
    windows = _Windows(
        axes=2 if arguments["self"].dim() < 5 else 3,
        kernel=kernel,
        stride=arguments.get("stride") or kernel,
        padding=arguments.get("padding", 0),
        dilation=arguments.get("dilation", 1),
    )
    return _slide(field, outputs[0], windows)


def convolution(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    """Follow a convolution, transposed ones too."""
    weight = arguments["weight"]
    windows = _Windows(
        axes=weight.dim() - 2,
        kernel=list(weight.shape[2:]),
        stride=arguments["stride"],
        padding=arguments["padding"],
        dilation=arguments["dilation"],
    )
    slide = _slide_transposed if arguments.get("transposed") else _slide
    return slide(field, outputs[0], windows)


def _slide(field: Field, output: Tensor, windows: _Windows) -> Known:
    start = output.dim() - windows.axes
    if not _runs_over_axes(field, start):
        return LOST
    return field.changed(
        lambda axis, dimension: axis.windowed(
            **windows.along(dimension - start), positions=output.shape[dimension]
        )
    )


def _slide_transposed(field: Field, output: Tensor, windows: _Windows) -> Known:
    start = output.dim() - windows.axes
    if not _runs_over_axes(field, start):
        return LOST

    def change(axis: Axis, dimension: int) -> Axis:
        # Output o sees the inputs i with o = i · stride - padding + tap · dilation.
        window = windows.along(dimension - start)
        step = Fraction(axis.step) / window["stride"]
        reach = window["dilation"] * (window["kernel"] - 1)
        return axis._replace(
            first=whole(axis.first + (window["padding"] - reach) * step),
            last=whole(axis.last + window["padding"] * step),
            step=whole(step),
            positions=output.shape[dimension],
        )

    return field.changed(change)


def _runs_over_axes(field: Field, start: int) -> bool:
    """Whether the spatial dimensions, from `start` on, are where the axes' positions lie."""
    placed = [axis for axis in field.axes if axis.dimension is not None]
    return all(
        axis.dimension is not None and axis.dimension >= start and not field.shares_dimension(axis)
        for axis in placed
    )


def nearest_upsampling(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    """Follow upsampling by repetition, by a whole number."""
    source, output = next(iter(arguments.values())), outputs[0]
    if any(large % small for large, small in zip(output.shape, source.shape, strict=True)):
        return LOST

    def change(axis: Axis, dimension: int) -> Axis:
        # Output o sees input floor(o / scale): at most (scale - 1) / scale below o / scale.
        scale = output.shape[dimension] // source.shape[dimension]
        step = Fraction(axis.step) / scale
        return axis._replace(
            first=whole(axis.first - (scale - 1) * step),
            step=whole(step),
            positions=output.shape[dimension],
        )

    return field.changed(change)


def adaptive_pooling(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    """Follow pooling to a given number of positions, whose windows may differ by one."""
    source, output = arguments["self"], outputs[0]

    def change(axis: Axis, dimension: int) -> Axis:
        length, positions = source.shape[dimension], output.shape[dimension]
        if positions == 1:
            return axis.pooled()
        # Output i sees floor(i · length / positions) to ceil((i + 1) · length / positions) - 1.
        stride = Fraction(length, positions)
        first = min(floor(place * stride) - place * stride for place in range(positions))
        last = max(ceil((place + 1) * stride) - 1 - place * stride for place in range(positions))
        return axis._replace(
            first=whole(axis.first + first * axis.step),
            last=whole(axis.last + last * axis.step),
            step=whole(axis.step * stride),
            positions=positions,
        )

    return field.changed(change)


def padding(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> Known:
    """Follow padding of any kind; places are given from the last dimension on, both sides each."""
    pads, rank = arguments.get("pad") or arguments["padding"], outputs[0].dim()
    for axis in field.axes:
        if axis.dimension is not None and field.shares_dimension(axis):
            return LOST

    def change(axis: Axis, dimension: int) -> Axis:
        place = 2 * (rank - 1 - dimension)
        before = pads[place] if place < len(pads) else 0
        shift = before * axis.step
        return axis._replace(
            first=axis.first - shift,
            last=axis.last - shift,
            positions=outputs[0].shape[dimension],
        )

    return field.changed(change)
