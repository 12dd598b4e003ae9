"""The part of the input that the positions of a tensor can see.

Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks"
(distill.pub), sections "Closed-form expressions" and "Arbitrary computation graphs":
along one axis, output i sees the inputs first + i · step to last + i · step. Where outputs
lie between inputs (in decoders), they do not all see equally much: what they see repeats after
some outputs, the period. Where branches meet, the result sees the hull of both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple

# The inputs first to last; None sees nothing, as does an output between those that a transposed
# convolution reaches.
Span = tuple[int, int] | None
# A longer period is not followed (an interpolation between large sizes without common divisor).
LONGEST_PERIOD = 4096


class Mapping(NamedTuple):
    """The positions that each position of an operator's output depends on.

    Output o, below `period`, depends on the positions `taps[o]`; the output `period` further
    depends on those `advance` further.
    """

    period: int
    advance: int
    taps: tuple[tuple[int, ...], ...]


class Axis(NamedTuple):
    """The view of one input axis.

    Position r of dimension `dimension` sees the inputs of `spans[r]`; the position a period
    (the number of spans) further sees those `step` further. Step 0 means that all positions see
    the same inputs; dimension None means that the axis has no positions any more, as after
    global pooling.
    """

    spans: tuple[Span, ...]
    step: int
    dimension: int | None
    positions: int
    length: int  # of the input
    is_exact: bool = True  # False: it sees no more than this, and may see less

    @property
    def size(self) -> int:
        """The largest number of inputs that one position sees; those on padding count too."""
        return max((span[1] - span[0] + 1 for span in self.spans if span is not None), default=0)

    @property
    def stride(self) -> Fraction:
        """The distance on the input between neighbouring positions."""
        return abs(Fraction(self.step, len(self.spans)))

    @property
    def centre(self) -> float:
        """The input position at the middle of the first position's field."""
        span = self.spans[0]
        return 0.0 if span is None else (span[0] + span[1]) / 2

    def map(self, mapping: Mapping, positions: int) -> "Axis":
        """Return the view of an operator's outputs, `positions` of them."""
        spans, step = _compose(self.spans, self.step, mapping)
        if not spans:
            return self.see_all()._replace(positions=positions, is_exact=False)
        return self._replace(spans=spans, step=step, positions=positions)

    def at(self, position: int) -> "Axis":
        """Return the view of one position alone."""
        span = _span(self.spans, self.step, position)
        return self._replace(spans=(span,), step=0, dimension=None, positions=1)

    def see_all(self) -> "Axis":
        """Return the axis with each position seeing what all positions together saw."""
        ends = {0, self.positions - 1}
        period = len(self.spans)
        ends |= set(range(min(period, self.positions)))
        ends |= set(range(max(0, self.positions - period), self.positions))
        whole = _hull([_span(self.spans, self.step, place) for place in ends])
        if whole is not None:
            whole = (max(0, whole[0]), min(self.length - 1, whole[1]))
        return self._replace(spans=(whole,), step=0)

    def see_whole_input(self) -> "Axis":
        """Return the axis with each position seeing the whole input, at most."""
        return self._replace(spans=((0, self.length - 1),), step=0, is_exact=False)

    def pool(self) -> "Axis":
        """Return the view of one value that depends on all positions."""
        return self.see_all()._replace(dimension=None, positions=1)

    def union(self, other: "Axis") -> "Axis":
        """Return the view where the axes of two branches meet."""
        left, right = (other, self) if self.dimension is None else (self, other)
        is_exact = left.is_exact and right.is_exact
        steps = (left.step * len(right.spans), right.step * len(left.spans))
        if steps[0] != steps[1] or left.dimension != right.dimension:
            # Their steps differ, so each position is given what all positions see. That is what
            # it sees if one of them sees the same from everywhere.
            is_exact = is_exact and 0 in steps
            left, right = left.see_all(), right.see_all()
        period = lcm(len(left.spans), len(right.spans))
        if period > LONGEST_PERIOD:
            left, right, period, is_exact = left.see_all(), right.see_all(), 1, False
        spans = tuple(
            _hull([_span(axis.spans, axis.step, place) for axis in (left, right)])
            for place in range(period)
        )
        step = left.step * (period // len(left.spans))
        return left._replace(spans=spans, step=step, is_exact=is_exact)


def _span(spans: tuple[Span, ...], step: int, position: int) -> Span:
    periods, place = divmod(position, len(spans))
    span = spans[place]
    if span is None:
        return None
    return (span[0] + periods * step, span[1] + periods * step)


def _hull(spans: Sequence[Span]) -> Span:
    seen = [span for span in spans if span is not None]
    if not seen:
        return None
    return (min(first for first, _ in seen), max(last for _, last in seen))


@lru_cache(maxsize=256)  # both axes of an image, and most blocks of a network, are alike
def _compose(spans: tuple[Span, ...], step: int, mapping: Mapping) -> tuple[tuple[Span, ...], int]:
    """Return spans and step of a mapping's outputs; no spans if their period is too long."""
    inner = len(spans)
    repeats = inner // gcd(inner, mapping.advance)
    period = mapping.period * repeats
    if period > LONGEST_PERIOD:
        return (), 0
    # Of evenly spaced positions that see alike, the outermost see all that the others do.
    needs_ends = inner == 1
    found: list[Span] = []
    for place in range(period):
        turn, output = divmod(place, mapping.period)
        taps = mapping.taps[output]
        if needs_ends and len(taps) > 2:
            taps = (min(taps), max(taps))
        found.append(_hull([_span(spans, step, tap + turn * mapping.advance) for tap in taps]))
    return tuple(found), step * repeats * mapping.advance // inner


@dataclass(frozen=True)
class Field:
    """The receptive field of a tensor, with an axis for each spatial axis of the input."""

    axes: tuple[Axis, ...]

    @property
    def has_positions(self) -> bool:
        """True if the tensor still distinguishes positions of the input."""
        return any(axis.dimension is not None for axis in self.axes)

    @property
    def is_exact(self) -> bool:
        """False if a position may see less than this."""
        return all(axis.is_exact for axis in self.axes)

    def see_whole_input(self) -> "Field":
        """Return the field with the whole input along each axis, at most."""
        return Field(tuple(axis.see_whole_input() for axis in self.axes))

    def shares_dimension(self, axis: Axis) -> bool:
        """Return True if another axis runs along the same dimension, as in a map read as tokens."""
        return sum(other.dimension == axis.dimension for other in self.axes) > 1

    def change_axes(self, change: Callable[[Axis, int], Axis]) -> "Field":
        """Return the field with `change` applied to each axis that has a dimension."""
        return Field(
            tuple(
                axis if axis.dimension is None else change(axis, axis.dimension)
                for axis in self.axes
            )
        )

    def rename_dimensions(self, order: dict[int, int]) -> "Field":
        """Return the field of a tensor whose dimension d is now order[d]."""
        return self.change_axes(lambda axis, dimension: axis._replace(dimension=order[dimension]))

    def union(self, other: "Field | None") -> "Field":
        """Return the field where two branches meet; None sees nothing."""
        return self if other is None or other is self else _union(self, other)


@lru_cache(maxsize=256)
def _union(one: Field, other: Field) -> Field:
    return Field(tuple(left.union(right) for left, right in zip(one.axes, other.axes, strict=True)))


class UnknownField:
    """The field of a tensor that depends on the input in a way that was not followed."""


UNKNOWN = UnknownField()
TensorField = Field | UnknownField | None  # None: a tensor that does not depend on the input


@lru_cache(maxsize=64)
def input_field(shape: Sequence[int]) -> Field | None:
    """Return the field of an input (N, C, *spatial); None for one without spatial axes."""
    if len(shape) < 3:
        return None
    return Field(
        tuple(
            Axis(((0, 0),), 1, dimension, positions=length, length=length)
            for dimension, length in enumerate(shape)
            if dimension >= 2
        )
    )
