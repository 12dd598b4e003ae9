"""The question if this machine can run the kernels written for GPUs."""

import os
import shutil
from functools import cache
from importlib.util import find_spec

import torch

# The first GPUs with units for bfloat16.
AMPERE = (8, 0)
COMPILERS = ("cc", "gcc", "clang")


@cache
def can_run_gpu_kernels() -> bool:
    """Return True if Triton, which compiles the kernels, can be used with this machine's GPU.

    PyTorch for CUDA comes with it on Linux. It needs a C compiler when it first runs a kernel.
    """
    return (
        torch.cuda.is_available()
        and find_spec("triton") is not None
        and torch.cuda.get_device_capability() >= AMPERE
        and ("CC" in os.environ or any(map(shutil.which, COMPILERS)))
    )
