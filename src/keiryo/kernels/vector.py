"""Vectors of 16 float32, for loops whose accumulators must stay in registers.

LLVM vectorises simple loops by itself, but it keeps no block of sums in registers across a
loop over columns, since it cannot know that arrays do not overlap. So this file adds a vector
type to Numba: a variable of it is two registers of AVX2, one of AVX-512, four of NEON.

All functions are for use within kernels. Indices are not checked.
"""

from functools import wraps
from typing import Any

import numba.extending
from llvmlite import ir
from numba import types  # pyright: ignore[reportPrivateImportUsage]
from numba.core import cgutils
from numba.extending import models, register_model

# Typed as Any, since the decorated function takes other arguments than are written.
intrinsic: Any = numba.extending.intrinsic

LANES = 16
FLOATS = ir.VectorType(ir.FloatType(), LANES)
INTEGERS = ir.VectorType(ir.IntType(32), LANES)


class _Vector(types.Type):
    def __init__(self) -> None:
        super().__init__(name="float32x16")


vector = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


def pointer_to(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Return the pointer to an element of a contiguous array: for use within intrinsics."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def spread_lanes(builder: Any, value: Any, kind: Any) -> Any:
    """Return a vector of `kind` whose lanes are all `value`: for use within intrinsics."""
    nothing = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(one, nothing, zeros)


def operation(signature: Any) -> Any:
    """Return a decorator for functions that build the code of an operation on numbers.

    They take the builder and the values of the arguments; kernels call them without the builder.
    """

    def decorate(body: Any) -> Any:
        def define(typing_context: Any, *kinds: Any) -> Any:
            return signature, lambda context, builder, signature, given: body(builder, *given)

        return intrinsic(wraps(body)(define))

    return decorate


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Return the 16 elements of a contiguous array of float32 from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(pointer, FLOATS.as_pointer()), align=4)

    return vector(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, index: Any, values: Any) -> Any:
    """Write 16 elements of a contiguous array of float32 from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(pointer, FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@operation(vector(types.float32))
def spread(builder: Any, value: Any) -> Any:
    """Return a vector whose elements are all `value`."""
    return spread_lanes(builder, value, FLOATS)


@operation(vector(vector, vector, vector))
def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a · b + c, rounded once if the processor can."""
    return _call(builder, "llvm.fmuladd", a, b, c)


@operation(vector(vector, vector))
def add(builder: Any, a: Any, b: Any) -> Any:
    """Return a + b."""
    return builder.fadd(a, b)


@operation(vector(vector))
def relu(builder: Any, a: Any) -> Any:
    """Return max(a, 0); NaN stays NaN."""
    zero = _constant(0.0)
    return builder.select(builder.fcmp_ordered("<", a, zero), zero, a)


@operation(vector(vector))
def magnitude(builder: Any, a: Any) -> Any:
    """Return |a|."""
    return _call(builder, "llvm.fabs", a)


@operation(vector(vector, vector))
def larger(builder: Any, a: Any, b: Any) -> Any:
    """Return the larger of a and b; NaN if either is NaN."""
    return _call(builder, "llvm.maximum", a, b)


@operation(types.float32(vector))
def largest_lane(builder: Any, a: Any) -> Any:
    """Return the largest element of a; NaN if any is NaN."""
    kind = ir.FunctionType(ir.FloatType(), [FLOATS])
    name = f"llvm.vector.reduce.fmaximum.v{LANES}f32"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [a])


@operation(types.float32(vector))
def sum_of_lanes(builder: Any, a: Any) -> Any:
    """Return the sum of the elements of a, added in their order."""
    kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), FLOATS])
    name = f"llvm.vector.reduce.fadd.v{LANES}f32"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [ir.Constant(ir.FloatType(), 0.0), a])


@operation(vector(vector, vector))
def zero_below(builder: Any, a: Any, least: Any) -> Any:
    """Return a with each element that is less than that of `least` set to zero."""
    stays = builder.fcmp_ordered(">=", a, least)
    return builder.select(stays, a, _constant(0.0))


@operation(types.float32(types.int32))
def float_of_bits(builder: Any, bits: Any) -> Any:
    """Return the float32 with these 32 bits."""
    return builder.bitcast(bits, ir.FloatType())


@intrinsic
def store_rounded(typing_context: Any, array: Any, index: Any, a: Any, factor: Any) -> Any:
    """Write a · factor, rounded, to 16 elements of a contiguous array of int16."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = pointer_to(context, builder, signature.args[0], *arguments[:2])
        rounded = _call(builder, "llvm.fmuladd", *arguments[2:], _constant(_ROUNDING))
        shorts = ir.VectorType(ir.IntType(16), LANES)
        values = builder.trunc(builder.bitcast(rounded, INTEGERS), shorts)
        builder.store(values, builder.bitcast(pointer, shorts.as_pointer()), align=2)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector, vector), generate


@operation(vector(vector))
def exponential(builder: Any, a: Any) -> Any:
    """Return e^a to within 2 units in the last place; a is clamped to -87 to 88.

    NaN stays NaN.
    """
    return _exponential(builder, _clamp(builder, a, -87.0, 88.0))


@operation(vector(vector, vector))
def tanh_sigmoid(builder: Any, a: Any, b: Any) -> Any:
    """Return tanh(a) · sigmoid(b), to within 3e-7; NaN stays NaN.

    With E = e^2a and F = e^-b, this is (E - 1) / ((E + 1) · (1 + F)): two powers, one division.
    """
    one = _constant(1.0)
    # Beyond 9, tanh is 1 in float32; so is 1 + e^-30, and 1 / (1 + e^30) is below 1e-13.
    a = _clamp(builder, a, -9.0, 9.0)
    b = _clamp(builder, b, -30.0, 30.0)
    of_a = _exponential(builder, builder.fadd(a, a))
    of_b = _exponential(builder, builder.fneg(b))
    below = builder.fmul(builder.fadd(of_a, one), builder.fadd(of_b, one))
    return builder.fdiv(builder.fsub(of_a, one), below)


def _constant(value: float) -> Any:
    return ir.Constant(FLOATS, [value] * LANES)


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    kind = ir.FunctionType(FLOATS, [FLOATS] * len(arguments))
    function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}f32")
    return builder.call(function, arguments)


def _clamp(builder: Any, value: Any, least: float, most: float) -> Any:
    # Ordered comparisons are false for NaN, so NaN is not clamped.
    low, high = _constant(least), _constant(most)
    value = builder.select(builder.fcmp_ordered("<", value, low), low, value)
    return builder.select(builder.fcmp_ordered(">", value, high), high, value)


# The Taylor series of e^r for |r| <= ln(2) / 2; the first omitted term is below 6e-9.
_COEFFICIENTS = (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0)
_PER_LN2 = 1.4426950408889634
# ln 2 in two parts; the first has so few digits that its multiples are exact.
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4
# Adding this to a number leaves the nearest integer in the last bits.
_ROUNDING = 1.5 * 2.0**23


def _exponential(builder: Any, value: Any) -> Any:
    """Return e^value = 2^n · e^r with an integer n and |r| <= ln(2) / 2."""
    rounded = _call(builder, "llvm.fmuladd", value, _constant(_PER_LN2), _constant(_ROUNDING))
    n = builder.fsub(rounded, _constant(_ROUNDING))
    r = _call(builder, "llvm.fmuladd", n, _constant(-_LN2_HIGH), value)
    r = _call(builder, "llvm.fmuladd", n, _constant(-_LN2_LOW), r)
    power = _constant(_COEFFICIENTS[0])
    for coefficient in _COEFFICIENTS[1:]:
        power = _call(builder, "llvm.fmuladd", power, r, _constant(coefficient))
    # Shift n, the last bits of `rounded`, to the place of a float's exponent, whose bias is 127.
    exponent = builder.shl(builder.bitcast(rounded, INTEGERS), ir.Constant(INTEGERS, [23] * LANES))
    exponent = builder.add(exponent, ir.Constant(INTEGERS, [127 << 23] * LANES))
    return builder.fmul(power, builder.bitcast(exponent, FLOATS))
