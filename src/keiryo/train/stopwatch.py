"""The wall time between one moment and the next."""

import time


class Stopwatch:
    """Gives the seconds since it was last asked."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap, or since it was made."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed
