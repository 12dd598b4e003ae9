"""The other processes that compute now, which slow measurements and trainings down."""

import time

import psutil

from keiryo.measure.load import LoadWatch
from keiryo.records.speed import Neighbour, Neighbourhood

WATCHED_SECONDS = 1.0
LEAST_CORES = 0.05


def watch_neighbours() -> Neighbourhood:
    """Watch the machine for a second; return its load and its busiest other processes."""
    before, watch, started = _processor_seconds(), LoadWatch(), time.monotonic()
    time.sleep(WATCHED_SECONDS)
    after, load, seconds = _processor_seconds(), watch.load(), time.monotonic() - started
    neighbours = [
        Neighbour(name=process.name(), pid=process.pid, cores=round(cores, 2))
        for process, used in after.items()
        if (cores := (used - before.get(process, used)) / seconds) >= LEAST_CORES
        and process.is_running()
    ]
    neighbours.sort(key=lambda neighbour: -neighbour.cores)
    return Neighbourhood(**load.model_dump(), neighbours=neighbours)


def _processor_seconds() -> dict[psutil.Process, float]:
    """Return the processor time so far of each other process that may be looked at."""
    found = {}
    own = psutil.Process().pid
    for process in psutil.process_iter():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        if process.pid != own:
            found[process] = times.user + times.system
    return found
