"""The effect of sliding windows on a tensor's receptive field."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

from torch import Tensor

from keiryo.cost.receptive_field.field import UNKNOWN, Axis, Field, TensorField, whole

Arguments = dict[str, Any]


class _Windows(NamedTuple):
    """The sizes of a window, each with one figure for every spatial axis."""

    kernel: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]


def _each(values: Any, axes: int, default: int) -> Sequence[int]:
    """Return a figure for each axis; `values` is one for all of them, a list, or none."""
    if isinstance(values, int):
        return [values] * axes
    if not values:
        return [default] * axes
    return values if len(values) == axes else [values[0]] * axes


def pool(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow max and average pooling."""
    axes = 2 if arguments["self"].dim() < 5 else 3
    kernel = arguments["kernel_size"]
    windows = _Windows(
        _each(kernel, axes, 1),
        _each(arguments.get("stride") or kernel, axes, 1),
        _each(arguments.get("padding", 0), axes, 0),
        _each(arguments.get("dilation", 1), axes, 1),
    )
    return _slide(field, outputs[0], windows)


def convolve(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a convolution or a transposed convolution."""
    kernel = arguments["weight"].shape[2:]
    axes = len(kernel)
    windows = _Windows(
        kernel,
        _each(arguments["stride"], axes, 1),
        _each(arguments["padding"], axes, 0),
        _each(arguments["dilation"], axes, 1),
    )
    slide = _slide_transposed if arguments.get("transposed") else _slide
    return slide(field, outputs[0], windows)


def _slide(field: Field, output: Tensor, windows: _Windows) -> TensorField:
    shape = output.shape
    start = len(shape) - len(windows.kernel)
    if not _runs_over_axes(field, start):
        return UNKNOWN
    kernel, stride, padding, dilation = windows

    def change(axis: Axis, dimension: int) -> Axis:
        index = dimension - start
        return axis.slide_window(
            kernel=kernel[index],
            stride=stride[index],
            padding=padding[index],
            dilation=dilation[index],
            positions=shape[dimension],
        )

    return field.change_axes(change)


def _slide_transposed(field: Field, output: Tensor, windows: _Windows) -> TensorField:
    start = output.dim() - len(windows.kernel)
    if not _runs_over_axes(field, start):
        return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        # Output o sees the inputs i with o = i · stride - padding + tap · dilation.
        index = dimension - start
        step = Fraction(axis.step) / windows.stride[index]
        reach = windows.dilation[index] * (windows.kernel[index] - 1)
        before = windows.padding[index]
        return axis._replace(
            first=whole(axis.first + (before - reach) * step),
            last=whole(axis.last + before * step),
            step=whole(step),
            positions=output.shape[dimension],
        )

    return field.change_axes(change)


def _runs_over_axes(field: Field, start: int) -> bool:
    """Return True if the axes' positions lie in the spatial dimensions, from `start` on."""
    placed = [axis.dimension for axis in field.axes if axis.dimension is not None]
    return len(set(placed)) == len(placed) and min(placed, default=start) >= start


def upsample_nearest(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow upsampling by repetition; the factor must be a whole number."""
    source, output = next(iter(arguments.values())), outputs[0]
    if any(large % small for large, small in zip(output.shape, source.shape, strict=True)):
        return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        # Output o sees input floor(o / scale): at most (scale - 1) / scale below o / scale.
        scale = output.shape[dimension] // source.shape[dimension]
        step = Fraction(axis.step) / scale
        return axis._replace(
            first=whole(axis.first - (scale - 1) * step),
            step=whole(step),
            positions=output.shape[dimension],
        )

    return field.change_axes(change)


def pool_adaptively(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow pooling to a given number of positions, whose windows may differ by one."""
    source, output = arguments["self"], outputs[0]

    def change(axis: Axis, dimension: int) -> Axis:
        length, positions = source.shape[dimension], output.shape[dimension]
        if positions == 1:
            return axis.pool()
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

    return field.change_axes(change)


def pad(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow padding of any kind; it is given per dimension, from the last, as (before, after)."""
    pads, rank = arguments.get("pad") or arguments["padding"], outputs[0].dim()
    for axis in field.axes:
        if axis.dimension is not None and field.shares_dimension(axis):
            return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        place = 2 * (rank - 1 - dimension)
        before = pads[place] if place < len(pads) else 0
        shift = before * axis.step
        return axis._replace(
            first=axis.first - shift,
            last=axis.last - shift,
            positions=outputs[0].shape[dimension],
        )

    return field.change_axes(change)
