"""Sums of products in registers: float32 weights by float32, or int8 weights by int16.

For integers, one instruction multiplies and adds two columns, so half of the instructions and a
quarter of the memory are needed. Sums have 32 bits: the caller, which rounds numbers to int16,
must make sure that they do not overflow.

All functions are for use within kernels. The type of the weights decides between the two.
Indices are not checked.
"""

from typing import Any

from llvmlite import ir
from numba import types  # pyright: ignore[reportPrivateImportUsage]
from numba.core import cgutils
from numba.extending import models, register_model

from keiryo.kernels.vector import (
    FLOATS,
    INTEGERS,
    LANES,
    intrinsic,
    pointer_to,
    spread_lanes,
    vector,
)

_SHORTS = ir.VectorType(ir.IntType(16), 2 * LANES)


class _Sums(types.Type):
    def __init__(self) -> None:
        super().__init__(name="int32x16")


_sums = _Sums()


@register_model(_Sums)
class _SumsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, INTEGERS)


def columns_at_once(kind: Any) -> int:
    """Return the number of columns in one call of `accumulate`, for weights of a numpy type."""
    return 2 if kind == "int8" else 1


def _is_integer(weights: Any) -> bool:
    return weights.dtype == types.int8


@intrinsic
def columns_taken(typing_context: Any, weights: Any) -> Any:
    """Return the number of columns in one call of `accumulate`."""
    count = 2 if _is_integer(weights) else 1

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.intp, count)

    return types.intp(weights), generate


@intrinsic
def zero_sums(typing_context: Any, weights: Any) -> Any:
    """Return zeros as the sums of 16 rows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(INTEGERS if _is_integer(weights) else FLOATS, None)

    return (_sums if _is_integer(weights) else vector)(weights), generate


@intrinsic
def accumulate(typing_context: Any, total: Any, weights: Any, at: Any, x: Any, column: Any) -> Any:
    """Return the sums of 16 rows plus their products with x from `column` on.

    It takes one column, or two: then the weights of each row are side by side.
    """

    def floats(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, weights, at, x, column = arguments
        pointer = pointer_to(context, builder, signature.args[1], weights, at)
        row_weights = builder.load(builder.bitcast(pointer, FLOATS.as_pointer()), align=4)
        value = builder.load(pointer_to(context, builder, signature.args[3], x, column))
        values = spread_lanes(builder, value, FLOATS)
        kind = ir.FunctionType(FLOATS, [FLOATS] * 3)
        name = f"llvm.fmuladd.v{LANES}f32"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [row_weights, values, total])

    def integers(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, weights, at, x, column = arguments
        bytes_of_rows = ir.VectorType(ir.IntType(8), 2 * LANES)
        pointer = pointer_to(context, builder, signature.args[1], weights, at)
        pointer = builder.bitcast(pointer, bytes_of_rows.as_pointer())
        row_weights = builder.sext(builder.load(pointer, align=1), _SHORTS)
        pair = pointer_to(context, builder, signature.args[3], x, column)
        pair = builder.load(builder.bitcast(pair, ir.IntType(32).as_pointer()), align=2)
        values = builder.bitcast(spread_lanes(builder, pair, INTEGERS), _SHORTS)
        features = context.codegen().magic_tuple()[2].split(",")
        return builder.add(total, _sums_of_pairs(builder, row_weights, values, features))

    if _is_integer(weights):
        return _sums(_sums, weights, types.intp, x, types.intp), integers
    return vector(vector, weights, types.intp, x, types.intp), floats


# Instructions of x86 that multiply and add pairs: the processor's feature, int16 at once, name.
_PAIR_INSTRUCTIONS = (
    ("+avx512bw", 32, "llvm.x86.avx512.pmaddw.d.512"),
    ("+avx2", 16, "llvm.x86.avx2.pmadd.wd"),
)


def _sums_of_pairs(builder: Any, a: Any, b: Any, features: list[str]) -> Any:
    """Return a[2i] · b[2i] + a[2i + 1] · b[2i + 1] for each i, as 32-bit numbers."""
    for feature, width, name in _PAIR_INSTRUCTIONS:
        if feature in features:
            return _sums_by_instruction(builder, a, b, width, name)
    nothing = ir.Constant(_SHORTS, ir.Undefined)
    products = []
    for first in (0, 1):
        lanes = ir.Constant(INTEGERS, list(range(first, 2 * LANES, 2)))
        halves = [builder.shuffle_vector(source, nothing, lanes) for source in (a, b)]
        products.append(builder.mul(*(builder.sext(half, INTEGERS) for half in halves)))
    return builder.add(*products)


def _sums_by_instruction(builder: Any, a: Any, b: Any, width: int, name: str) -> Any:
    shorts = ir.VectorType(ir.IntType(16), width)
    sums = ir.VectorType(ir.IntType(32), width // 2)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(sums, [shorts, shorts]), name
    )
    if width == 2 * LANES:
        return builder.call(function, [a, b])
    nothing = ir.Constant(_SHORTS, ir.Undefined)
    parts = []
    for first in (0, width):
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(first, first + width)))
        halves = [builder.shuffle_vector(source, nothing, lanes) for source in (a, b)]
        parts.append(builder.call(function, halves))
    return builder.shuffle_vector(*parts, ir.Constant(INTEGERS, list(range(LANES))))


@intrinsic
def add_sums(
    typing_context: Any,
    total: Any,
    scales: Any,
    scale_at: Any,
    x_scale: Any,
    y: Any,
    at: Any,
) -> Any:
    """Add the sums to 16 elements of y from `at` on.

    Integers are first multiplied by the scales of their rows and of x.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, scales, scale_at, x_scale, y, at = arguments
        if isinstance(signature.args[0], _Sums):
            pointer = pointer_to(context, builder, signature.args[1], scales, scale_at)
            factors = builder.load(builder.bitcast(pointer, FLOATS.as_pointer()), align=4)
            factors = builder.fmul(factors, spread_lanes(builder, x_scale, FLOATS))
            total = builder.fmul(builder.sitofp(total, FLOATS), factors)
        pointer = pointer_to(context, builder, signature.args[4], y, at)
        pointer = builder.bitcast(pointer, FLOATS.as_pointer())
        total = builder.fadd(builder.load(pointer, align=4), total)
        builder.store(total, pointer, align=4)
        return context.get_dummy_value()

    return types.void(total, scales, types.intp, types.float32, y, types.intp), generate
