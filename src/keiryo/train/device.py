"""The device of a training, and its settings."""

import os

import torch

from keiryo.errors import InputError

# Environment variables of a process that trains. By default glibc returns freed large blocks to
# the system, and the next step pays for mapping and clearing them again. Keeping them makes a
# training up to twice as fast.
ALLOCATOR_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 34),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
}


def choose_device(name: str) -> torch.device:
    """Return the device that `name` (auto, cpu, cuda, mps) means on this machine.

    Raises InputError if the machine has no such device.
    """
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    if not available[name]:
        raise InputError(f"--device {name}: this machine or its PyTorch has none; use --device cpu")
    return torch.device(name)


def prepare_device(device: torch.device, *, threads: int) -> None:
    """Set the number of threads, and choose algorithms that give the same bits in every run."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
        # keiryo reads no memory before it is written; filling it takes a seventh of a step.
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
