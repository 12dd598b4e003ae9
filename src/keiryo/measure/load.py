"""The load of the machine during a measurement: processor time of this process and of others."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from keiryo.records.speed import Load

# Others disturb a measurement if they take more of the machine's processor time than this.
DISTURBING_SHARE = 0.1
# Less is within the resolution of the system's counters.
LEAST_DISTURBING_SECONDS = 0.05
WINDOW_SECONDS = 0.2
LINUX_PRESSURE = Path("/proc/pressure/cpu")


class _Reading(NamedTuple):
    wall: float
    own: float
    busy: float
    total: float
    pressure: float | None


class LoadWatch:
    """Measures the load from its making to a call of `load`."""

    def __init__(self) -> None:
        self._start = _read()

    def load(self) -> Load:
        """Return the load since the watch was made."""
        start, end = self._start, _read()
        wall, own = end.wall - start.wall, end.own - start.own
        cores = psutil.cpu_count() or 1
        # The system counts in ticks of some hundredths of a second: over less than a few of them
        # its sum may be far from what the cores can give in that time.
        total = max(end.total - start.total, wall * cores, 1e-9)
        others = min(end.busy - start.busy - own, wall * cores - own)
        others = max(0.0, others)
        pressure = None
        if start.pressure is not None and end.pressure is not None:
            pressure = round((end.pressure - start.pressure) / max(wall, 1e-9), 4)
        return Load(
            wall_seconds=wall,
            processor_seconds=own,
            others_seconds=others,
            others_share=round(min(1.0, others / total), 4),
            pressure=pressure,
            disturbed=others > max(DISTURBING_SHARE * total, LEAST_DISTURBING_SECONDS),
        )


def sum_of_loads(loads: Sequence[Load]) -> Load:
    """Return the load of several measurements together, one at least."""
    wall = sum(load.wall_seconds or 0.0 for load in loads)
    own = sum(load.processor_seconds or 0.0 for load in loads)
    others = sum(load.others_seconds or 0.0 for load in loads)
    cores = psutil.cpu_count() or 1
    pressures = [load.pressure for load in loads if load.pressure is not None]
    return Load(
        wall_seconds=wall,
        processor_seconds=own,
        others_seconds=others,
        others_share=round(min(1.0, others / max(wall * cores, 1e-9)), 4),
        pressure=round(sum(pressures) / len(pressures), 4) if pressures else None,
        disturbed=others > max(DISTURBING_SHARE * wall * cores, LEAST_DISTURBING_SECONDS),
    )


def _read() -> _Reading:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # A guest's time is part of user time.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    process = psutil.Process().cpu_times()
    own = process.user + process.system
    return _Reading(time.monotonic(), own, total - idle, total, _read_pressure())


def _read_pressure() -> float | None:
    """Return the seconds since start in which a process waited for a core; None: not known."""
    try:
        first = LINUX_PRESSURE.read_text().splitlines()[0]
    except OSError:
        return None
    return int(first.rpartition("total=")[2]) / 1e6


def wait_for_quiet(*, at_most: float) -> float:
    """Wait until other processes take little, for `at_most` seconds; return the seconds waited.

    A machine that is quiet already costs a fifth of a second.
    """
    started = time.monotonic()
    while time.monotonic() - started < at_most:
        watch = LoadWatch()
        time.sleep(WINDOW_SECONDS)
        if not watch.load().disturbed:
            break
    return time.monotonic() - started
