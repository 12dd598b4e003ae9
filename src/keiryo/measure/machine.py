"""The description of this machine."""

import os
import platform
from pathlib import Path

import psutil

from keiryo.records.base import Machine

LINUX_PROCESSOR = Path("/proc/cpuinfo")


def describe_machine(*, device: str, threads: int, torch_version: str) -> Machine:
    """Return the record of this machine."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=processor_name(),
        cores=usable_cores(),
        memory_bytes=psutil.virtual_memory().total,
        device=device,
        threads=threads,
        python=platform.python_version(),
        torch=torch_version,
    )


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processor_name() -> str:
    """Return the processor's own name."""
    if LINUX_PROCESSOR.exists():
        for line in LINUX_PROCESSOR.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
