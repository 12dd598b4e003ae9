"""Kernels run by the very threads that PyTorch computes with.

PyTorch's processor operators run in the thread team of an OpenMP library. A second team
beside it, as Numba's own parallel loops would start, takes turns with the first on the
same cores: each spins while the other works, which costs more than such loops gain. So
kernels are compiled to plain C functions, and OpenMP itself is asked to run them, by the
entry point that compilers use (`GOMP_parallel`).
"""

import ctypes
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import torch
from llvmlite import ir
from numba import carray, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import intrinsic
from torch import Tensor

TEAM_LIBRARY = "libtorch_cpu.so"
# OpenMP's functions under names of our own: another OpenMP library may be loaded as well.
PREFIX = "keiryo_"
_thread_number = types.ExternalFunction(f"{PREFIX}omp_get_thread_num", types.int32())
_thread_count = types.ExternalFunction(f"{PREFIX}omp_get_num_threads", types.int32())

# The only liberty taken with arithmetic: a product and a sum may be rounded once.
# Infinities and NaNs stay what they are.
FAST_MATH = {"contract"}


def _generate_pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_generate_pointer)


@numba.njit
def array_at(address: Any, shape: Any, kind: Any) -> Any:
    """Return the memory at an address as an array: for use within kernels."""
    return carray(_pointer(types.int64(address)), shape, kind)


@cache
def _team() -> Any:
    """Return the OpenMP library that PyTorch uses, or None where it cannot be reached."""
    path = Path(torch.__file__).parent / "lib" / TEAM_LIBRARY
    try:
        # Symbols are looked for in the library and in those that it was linked with.
        library = ctypes.CDLL(str(path))
        run = library.GOMP_parallel
        for name in ("omp_get_thread_num", "omp_get_num_threads"):
            address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            llvmlite.binding.add_symbol(PREFIX + name, address)
    except (OSError, AttributeError):
        return None
    run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    run.restype = None
    return run


def has_team() -> bool:
    """Return whether kernels can run here."""
    return _team() is not None


@numba.njit
def thread_number() -> int:
    """Return which thread of the team runs this, from 0: for use within kernels."""
    return _thread_number()


@numba.njit
def own_share(count: int) -> tuple[int, int]:
    """Return the first of `count` things that this thread is to do, and the one after its last.

    For use within kernels. Which thread does what depends on `count` and the team alone,
    and so do the bits of sums.
    """
    thread, threads = _thread_number(), _thread_count()
    return count * thread // threads, count * (thread + 1) // threads


def kernel(body: Callable[[Any], None]) -> Any:
    """Compile `body`, which takes an array of int64, its arguments, to a C function.

    Machine code is kept on disk by Numba, so that this takes seconds but once.
    """
    _team()
    signature = types.void(types.CPointer(types.int64))
    try:
        return numba.cfunc(signature, cache=True, fastmath=FAST_MATH)(body)
    except RuntimeError:  # no folder can be written to that would keep it
        return numba.cfunc(signature, fastmath=FAST_MATH)(body)


def source_number(*modules: ModuleType) -> int:
    """Return a number that changes with the source of `modules`.

    Of machine code that it keeps on disk, Numba notices only when the file of the kernel
    itself changes. A kernel that calls functions of other files holds this number of them as
    a constant, which Numba does look at.
    """
    text = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return zlib.crc32(text)


def run(compiled: Any, threads: int, *arguments: int | Tensor) -> None:
    """Run a kernel on `threads` threads, or fewer where OpenMP has no more to give.

    Of tensors it is given the address of the first element.
    """
    packed = np.array(
        [a if isinstance(a, int) else a.data_ptr() for a in arguments], dtype=np.int64
    )
    _team()(compiled.address, packed.ctypes.data, threads, 0)


def call(compiled: Any, *arguments: int | np.ndarray) -> None:
    """Run a kernel that needs no team in the thread that calls.

    Of arrays, which must be contiguous, it is given the address of the first element. The
    interpreter's lock is released meanwhile.
    """
    packed = np.array(
        [a if isinstance(a, int) else a.ctypes.data for a in arguments], dtype=np.int64
    )
    compiled.ctypes(packed.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)))
