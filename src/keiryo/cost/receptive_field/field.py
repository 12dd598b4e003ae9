"""The part of the input that the positions of a tensor can see.

Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks"
(distill.pub), sections "Closed-form expressions" and "Arbitrary computation graphs":
along one axis, output i sees the inputs first + i · step to last + i · step. A window of
K taps, dilation d and stride s moves `first` and `last` apart by step · d · (K - 1) and
multiplies `step` by s; where branches meet, the result sees the hull of both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import NamedTuple

Number = int | Fraction


class Axis(NamedTuple):
    """The view of one input axis.

    Position i of dimension `dimension` sees the inputs `first` + i · `step` to `last` +
    i · `step`. Step 0 means that all positions see the same inputs; dimension None means
    that the axis has no positions any more, as after global pooling.
    """

    first: Number
    last: Number
    step: Number
    dimension: int | None
    positions: int
    length: int  # of the input

    @property
    def size(self) -> int:
        """The largest number of inputs that one position sees; those on padding count too."""
        return floor(self.last - self.first) + 1

    @property
    def centre(self) -> float:
        """The input position at the middle of the first position's field."""
        return float(self.first + self.last) / 2

    def slide_window(
        self, *, kernel: int, stride: int, padding: int, dilation: int, positions: int
    ) -> "Axis":
        """Return the view of a sliding window's outputs; `padding` is before the first input."""
        return Axis(
            self.first - padding * self.step,
            self.last + (dilation * (kernel - 1) - padding) * self.step,
            self.step * stride,
            self.dimension,
            positions,
            self.length,
        )

    def see_all(self) -> "Axis":
        """Return the axis with each position seeing what all positions together saw."""
        across = max(0, self.positions - 1) * self.step
        return self._replace(
            first=max(0, self.first),
            last=min(self.length - 1, self.last + across),
            step=0,
        )

    def pool(self) -> "Axis":
        """Return the view of one value that depends on all positions."""
        return self.see_all()._replace(dimension=None, positions=1)

    def union(self, other: "Axis") -> "Axis":
        """Return the view where the axes of two branches meet."""
        left, right = (other, self) if self.dimension is None else (self, other)
        if (left.step, left.dimension) != (right.step, right.dimension):
            # Their steps differ, so each position is given what all positions see.
            left, right = left.see_all(), right.see_all()
        return left._replace(first=min(left.first, right.first), last=max(left.last, right.last))


@dataclass(frozen=True)
class Field:
    """The receptive field of a tensor, with an axis for each spatial axis of the input."""

    axes: tuple[Axis, ...]

    @property
    def has_positions(self) -> bool:
        """True if the tensor still distinguishes positions of the input."""
        return any(axis.dimension is not None for axis in self.axes)

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
        if other is None:
            return self
        return Field(
            tuple(left.union(right) for left, right in zip(self.axes, other.axes, strict=True))
        )


class UnknownField:
    """The field of a tensor that depends on the input in a way that was not followed."""


UNKNOWN = UnknownField()
TensorField = Field | UnknownField | None  # None: a tensor that does not depend on the input


def input_field(shape: Sequence[int]) -> Field | None:
    """Return the field of an input (N, C, *spatial); None for one without spatial axes."""
    if len(shape) < 3:
        return None
    return Field(
        tuple(
            Axis(0, 0, 1, dimension, positions=length, length=length)
            for dimension, length in enumerate(shape)
            if dimension >= 2
        )
    )


def whole(number: Number) -> Number:
    """Return `number` as an int if it is whole."""
    return int(number) if number == int(number) else number
