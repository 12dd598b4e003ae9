"""bfloat16 in kernels: the upper half of a float32, stored as a 16-bit integer.

Neither numpy nor Numba has the type, so its arrays are of uint16; values are read as float32
and rounded when they are written. All functions but `number_type` are for use within kernels;
values of other types than uint16 are returned unchanged.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types  # pyright: ignore[reportPrivateImportUsage]

from keiryo.kernels.vector import intrinsic

BITS = ir.IntType(32)
NOT_A_NUMBER = 0x7FC0


def number_type(kind: Any) -> Any:
    """Return the type in which values of an array of `kind` are computed."""
    return np.float32 if kind is np.uint16 else kind


@intrinsic
def widen(typing_context: Any, value: Any) -> Any:
    """Return a stored value as a number to compute with."""

    def unchanged(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[0]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.shl(builder.zext(arguments[0], BITS), BITS(16))
        return builder.bitcast(bits, ir.FloatType())

    return (types.float32(value), generate) if value == types.uint16 else (value(value), unchanged)


@intrinsic
def narrow(typing_context: Any, array: Any, value: Any) -> Any:
    """Return `value` in the type of `array`, rounded to the nearest, ties to even."""

    def unchanged(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return arguments[1]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = arguments[1]
        bits = builder.bitcast(number, BITS)
        is_odd = builder.and_(builder.lshr(bits, BITS(16)), BITS(1))
        rounded = builder.lshr(builder.add(builder.add(bits, BITS(0x7FFF)), is_odd), BITS(16))
        # Rounding would turn some NaNs into zero.
        is_nan = builder.fcmp_unordered("uno", number, number)
        chosen = builder.select(is_nan, BITS(NOT_A_NUMBER), rounded)
        return builder.trunc(chosen, ir.IntType(16))

    if array.dtype == types.uint16:
        return types.uint16(array, types.float32), generate
    return value(array, value), unchanged
