"""The bytes of an element, in one unit for networks of all number formats."""

from functools import cache

import torch

FLOAT32_BYTES = 4


@cache
def element_bytes(dtype: torch.dtype, real: int = FLOAT32_BYTES) -> int:
    """Return the bytes of an element of `dtype` where a floating-point number takes `real`.

    A complex number takes twice as much. Integers and truth values take what they are.
    """
    if dtype.is_complex:
        return 2 * real
    return real if dtype.is_floating_point else dtype.itemsize
