"""The peak memory of this process."""

import sys
from pathlib import Path

LINUX_STATUS = Path("/proc/self/status")


def peak_memory_bytes(device_type: str) -> int:
    """Return the peak resident memory of this process, or of its GPU if it computes on one."""
    if device_type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    if LINUX_STATUS.exists():
        # Unlike getrusage, this does not count the parent's memory before it forked.
        for line in LINUX_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
