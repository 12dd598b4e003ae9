"""A stopwatch of wall time."""

import time


class Stopwatch:
    """Measures the wall time between calls of `lap`."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap, at first since the stopwatch was made."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed
