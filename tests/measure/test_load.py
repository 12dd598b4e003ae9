"""The load of the machine, held against neighbours of known appetite."""

import subprocess
import sys
import time

import psutil
import pytest

from keiryo.measure.load import LoadWatch

# Computes for a share of each twentieth of a second.
NEIGHBOUR = """
import sys, time
share = float(sys.argv[1])
while True:
    start = time.perf_counter()
    while time.perf_counter() - start < 0.05 * share:
        pass
    time.sleep(0.05 * (1 - share))
"""


def processor_seconds_of_others() -> dict[int, float]:
    """Return the processor time so far of each other process, with that of its ended children."""
    found = {}
    for process in psutil.process_iter():
        if process.pid != psutil.Process().pid:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            found[process.pid] = sum(times[:4])
    return found


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_it_tells_what_a_neighbour_takes(share: float) -> None:
    neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, str(share)])
    try:
        time.sleep(0.3)
        before, watch = processor_seconds_of_others(), LoadWatch()
        time.sleep(2.0)
        load, after = watch.load(), processor_seconds_of_others()
    finally:
        neighbour.kill()
        neighbour.wait()
    taken = sum(after.values()) - sum(before.values())
    cores = psutil.cpu_count() or 1
    expected = taken / load.wall_seconds / cores
    assert after[neighbour.pid] - before[neighbour.pid] > 0.1  # it had its meal
    assert load.others_share == pytest.approx(expected, rel=0.2, abs=0.03)
    assert load.disturbed == (load.others_share > 0.1)
    assert load.wall_seconds == pytest.approx(2.0, abs=1.0)
    assert load.processor_seconds < 0.5


def test_what_the_process_takes_itself_disturbs_nobody() -> None:
    before, watch = processor_seconds_of_others(), LoadWatch()
    end = time.perf_counter() + 1.0
    while time.perf_counter() < end:
        pass
    load, after = watch.load(), processor_seconds_of_others()
    taken = sum(after.values()) - sum(before.values())
    expected = taken / load.wall_seconds / (psutil.cpu_count() or 1)
    assert load.processor_seconds > 0.2
    assert load.others_share == pytest.approx(expected, rel=0.2, abs=0.05)


def test_others_never_take_more_than_is_left_of_a_short_time() -> None:
    # Shorter than the ticks in which the system counts.
    for _ in range(30):
        watch, end = LoadWatch(), time.perf_counter() + 0.004
        while time.perf_counter() < end:
            pass
        load = watch.load()
        assert load.wall_seconds is not None
        capacity = load.wall_seconds * (psutil.cpu_count() or 1)
        assert (load.others_seconds or 0.0) <= max(0.0, capacity - (load.processor_seconds or 0.0))
        assert not load.disturbed
