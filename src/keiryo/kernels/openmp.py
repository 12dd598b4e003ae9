"""Kernels that run on the same threads as PyTorch's operators.

PyTorch's operators on the processor run in the thread team of an OpenMP library. Numba's own
parallel loops would start a second team on the same cores; each would spin while the other
works, which costs more than such loops gain. So kernels are compiled to plain C functions, and
OpenMP itself runs them, through the entry point that compilers use (`GOMP_parallel`).
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

TORCH_LIBRARY = "libtorch_cpu.so"  # linked with the OpenMP library
# OpenMP's functions get names of our own, since another OpenMP library may be loaded too.
PREFIX = "keiryo_"
_thread_number = types.ExternalFunction(f"{PREFIX}omp_get_thread_num", types.int32())
_thread_count = types.ExternalFunction(f"{PREFIX}omp_get_num_threads", types.int32())

# The only relaxation of arithmetic: a product and a sum may be rounded once.
# Infinities and NaNs are kept.
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
def _parallel_call() -> Any:
    """Return `GOMP_parallel` of PyTorch's OpenMP library, or None if it cannot be reached."""
    path = Path(torch.__file__).parent / "lib" / TORCH_LIBRARY
    try:
        # Symbols are searched in the library and in those that it was linked with.
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


def can_run_kernels() -> bool:
    """Return True if kernels can run on this machine."""
    return _parallel_call() is not None


@numba.njit
def thread_number() -> int:
    """Return the number of the team's thread that runs this, from 0: for use within kernels."""
    return _thread_number()


@numba.njit
def own_share(count: int) -> tuple[int, int]:
    """Return the start and end of this thread's share of `count` items; the end is exclusive.

    For use within kernels. A share depends only on `count` and the team, and so do the bits
    of sums.
    """
    thread, threads = _thread_number(), _thread_count()
    return count * thread // threads, count * (thread + 1) // threads


def kernel(body: Callable[[Any], None]) -> Any:
    """Compile `body`, whose argument is an array of int64, to a C function.

    Numba caches machine code on disk, so this takes seconds only the first time.
    """
    _parallel_call()
    signature = types.void(types.CPointer(types.int64))
    try:
        return numba.cfunc(signature, cache=True, fastmath=FAST_MATH)(body)
    except RuntimeError:  # no cache folder can be written to
        return numba.cfunc(signature, fastmath=FAST_MATH)(body)


def source_checksum(*modules: ModuleType) -> int:
    """Return a number that changes with the source of `modules`.

    Numba compiles a cached kernel again only if the kernel's own file changed. A kernel that
    calls functions of other files holds their checksum as a constant, which Numba does check.
    """
    text = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return zlib.crc32(text)


def run(compiled: Any, threads: int, *arguments: int | Tensor) -> None:
    """Run a kernel on `threads` threads, or fewer if OpenMP has no more.

    Tensors are passed as the address of their first element.
    """
    packed = np.array(
        [a if isinstance(a, int) else a.data_ptr() for a in arguments], dtype=np.int64
    )
    _parallel_call()(compiled.address, packed.ctypes.data, threads, 0)


def call(compiled: Any, *arguments: int | np.ndarray) -> None:
    """Run a kernel that needs no team, in the calling thread.

    Arrays must be contiguous, and are passed as the address of their first element. The
    interpreter's lock is released while it runs.
    """
    packed = np.array(
        [a if isinstance(a, int) else a.ctypes.data for a in arguments], dtype=np.int64
    )
    compiled.ctypes(packed.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)))
