"""The effect of sliding windows on a tensor's receptive field."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any, NamedTuple

from torch import Tensor

from keiryo.cost.receptive_field.field import (
    LONGEST_PERIOD,
    UNKNOWN,
    Axis,
    Field,
    Mapping,
    TensorField,
)

Arguments = dict[str, Any]
# Where `follow` puts the name of the operator among its arguments.
OPERATOR = "operator's name"


class _Windows(NamedTuple):
    """The sizes of a window, each with one figure for every spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


def _each(values: Any, axes: int, default: int) -> tuple[int, ...]:
    """Return a figure for each axis; `values` is one for all of them, a list, or none."""
    if isinstance(values, int):
        return (values,) * axes
    if not values:
        return (default,) * axes
    return tuple(values) if len(values) == axes else (values[0],) * axes


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
    return _slide(field, outputs[0].shape, windows)


def convolve(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow a convolution or a transposed convolution."""
    kernel = tuple(arguments["weight"].shape[2:])
    axes = len(kernel)
    windows = _Windows(
        kernel,
        _each(arguments["stride"], axes, 1),
        _each(arguments["padding"], axes, 0),
        _each(arguments["dilation"], axes, 1),
    )
    slide = _slide_transposed if arguments.get("transposed") else _slide
    return slide(field, outputs[0].shape, windows)


@lru_cache(maxsize=256)  # most blocks of a network are alike
def _slide(field: Field, shape: Sequence[int], windows: _Windows) -> TensorField:
    # Output o sees the positions o · stride - padding + tap · dilation.
    def mapping(kernel: int, stride: int, padding: int, dilation: int) -> Mapping:
        return Mapping(1, stride, (tuple(range(-padding, dilation * kernel - padding, dilation)),))

    return _map_windows(field, shape, windows, mapping)


@lru_cache(maxsize=64)
def _slide_transposed(field: Field, shape: Sequence[int], windows: _Windows) -> TensorField:
    return _map_windows(field, shape, windows, _transposed)


@lru_cache(maxsize=64)
def _transposed(kernel: int, stride: int, padding: int, dilation: int) -> Mapping:
    # Output o sees the positions j with o = j · stride - padding + tap · dilation.
    reached = [
        tuple(
            (place + padding - tap * dilation) // stride
            for tap in range(kernel)
            if (place + padding - tap * dilation) % stride == 0
        )
        for place in range(stride)
    ]
    return Mapping(stride, 1, tuple(reached))


def _map_windows(
    field: Field, shape: Sequence[int], windows: _Windows, mapping: Callable[..., Mapping]
) -> TensorField:
    start = len(shape) - len(windows.kernel)
    if not _runs_over_axes(field, start):
        return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        window = [sizes[dimension - start] for sizes in windows]
        return axis.map(mapping(*window), shape[dimension])

    return field.change_axes(change)


def _runs_over_axes(field: Field, start: int) -> bool:
    """Return True if the axes' positions lie in the spatial dimensions, from `start` on."""
    placed = [axis.dimension for axis in field.axes if axis.dimension is not None]
    return len(set(placed)) == len(placed) and min(placed, default=start) >= start


def upsample(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow upsampling, or downsampling, by the nearest or between neighbours."""
    source, output = next(iter(arguments.values())), outputs[0]
    aligned = bool(arguments.get("align_corners"))
    kind = arguments[OPERATOR]
    start = 2

    def change(axis: Axis, dimension: int) -> Axis:
        if dimension < start:
            return axis
        sizes = (source.shape[dimension], output.shape[dimension])
        scale = _scale(arguments, dimension - start)
        return axis.map(_interpolation(kind, *sizes, aligned, scale), sizes[1])

    return field.change_axes(change)


def _scale(arguments: Arguments, index: int) -> float | None:
    """Return the factor that was asked for along a spatial axis; None if a size was."""
    factors = arguments.get("scale_factors")
    if factors:
        return factors[index]
    named = [value for name, value in arguments.items() if name.startswith("scales")]
    return named[index] if index < len(named) else None


@lru_cache(maxsize=64)
def _interpolation(
    kind: str, length: int, positions: int, aligned: bool, scale: float | None
) -> Mapping:
    """Return what an interpolation from `length` to `positions` depends on."""
    ratio = Fraction(length, positions)
    if scale and int(length * scale) == positions and length * scale != positions:
        ratio = 1 / Fraction(scale).limit_denominator(1000)
    if aligned:
        ratio = Fraction(length - 1, positions - 1) if positions > 1 else Fraction(0)
    period, advance = ratio.denominator, ratio.numerator
    half = Fraction(1, 2)
    taps = []
    for place in range(min(period, LONGEST_PERIOD + 1)):
        if "nearest" in kind:
            exact = place + half if "exact" in kind else place
            reached = (floor(exact * ratio),)
        elif kind.endswith("_aa"):
            centre, reach = (place + half) * ratio, max(Fraction(1), ratio) * _REACH[kind]
            # The outermost tap has weight 0 where it lies at the filter's very end.
            first, last = floor(centre - reach + half), floor(centre + reach + half) - 1
            reached = (first, last)
        else:
            centre = place * ratio if aligned else (place + half) * ratio - half
            below = floor(centre)
            between = centre != below
            reach = 1 if "cubic" in kind else 0
            reached = (below - reach, below + 1 + reach) if between else (below,)
        taps.append(reached)
    return Mapping(period, advance, tuple(tuple(range(r[0], r[-1] + 1)) for r in taps))


_REACH = {"_upsample_bilinear2d_aa": 1, "_upsample_bicubic2d_aa": 2, "_upsample_lanczos2d_aa": 3}


def pool_adaptively(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow pooling to a given number of positions, whose windows may differ by one."""
    source, output = arguments["self"], outputs[0]

    def change(axis: Axis, dimension: int) -> Axis:
        length, positions = source.shape[dimension], output.shape[dimension]
        if positions == 1:
            return axis.pool()
        return axis.map(_adaptive(length, positions), positions)

    return field.change_axes(change)


@lru_cache(maxsize=64)
def _adaptive(length: int, positions: int) -> Mapping:
    # Output i sees floor(i · length / positions) to ceil((i + 1) · length / positions) - 1.
    stride = Fraction(length, positions)
    taps = [
        tuple(range(floor(place * stride), ceil((place + 1) * stride)))
        for place in range(stride.denominator)
    ]
    return Mapping(stride.denominator, stride.numerator, tuple(taps))


def pad(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow padding of any kind; it is given per dimension, from the last, as (before, after).

    A position on padding counts like one beyond the edge, whatever it is filled with.
    """
    pads, rank = arguments.get("pad") or arguments["padding"], outputs[0].dim()
    for axis in field.axes:
        if axis.dimension is not None and field.shares_dimension(axis):
            return UNKNOWN

    def change(axis: Axis, dimension: int) -> Axis:
        place = 2 * (rank - 1 - dimension)
        before = pads[place] if place < len(pads) else 0
        return axis.map(Mapping(1, 1, ((-before,),)), outputs[0].shape[dimension])

    return field.change_axes(change)


def shuffle_to_positions(
    field: Field, arguments: Arguments, outputs: Sequence[Tensor]
) -> TensorField:
    """Follow channels that become positions between the others (pixel shuffle)."""
    factor = arguments["upscale_factor"]
    return _along_last_two(field, outputs[0], Mapping(factor, 1, ((0,),) * factor))


def shuffle_to_channels(
    field: Field, arguments: Arguments, outputs: Sequence[Tensor]
) -> TensorField:
    """Follow neighbouring positions that become channels."""
    factor = arguments["downscale_factor"]
    return _along_last_two(field, outputs[0], Mapping(1, factor, (tuple(range(factor)),)))


def _along_last_two(field: Field, output: Tensor, mapping: Mapping) -> TensorField:
    rank = output.dim()
    return field.change_axes(
        lambda axis, d: axis.map(mapping, output.shape[d]) if d >= rank - 2 else axis
    )


def unfold(field: Field, arguments: Arguments, outputs: Sequence[Tensor]) -> TensorField:
    """Follow windows along one dimension, whose places become a last dimension."""
    along = arguments["dimension"] % arguments["self"].dim()
    mapping = Mapping(1, arguments["step"], (tuple(range(arguments["size"])),))
    return field.change_axes(
        lambda axis, d: axis.map(mapping, outputs[0].shape[d]) if d == along else axis
    )
