"""A stopwatch of wall time and processor time."""

import time


class Stopwatch:
    """Measures the time between calls of `lap`: `processor_seconds` are those of the last lap."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._last_processor = time.process_time()
        self.processor_seconds = 0.0

    def lap(self) -> float:
        """Return the seconds since the last lap, at first since the stopwatch was made."""
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        processor = time.process_time()
        self.processor_seconds = processor - self._last_processor
        self._last_processor = processor
        return passed
