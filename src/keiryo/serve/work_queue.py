"""A bounded queue of jobs and the threads that do them."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# The weight of the newest job in the mean of their durations.
NEWEST = 0.1


class QueueFullError(Exception):
    """No room for these jobs; there will be some after about `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"full for {seconds:.1f} s")
        self.seconds = seconds


class _Job:
    """A function that is let go when the job is cancelled, and with it the image that it holds."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function: Callable[[], Any] | None = function


class WorkQueue:
    """Threads that do jobs in the order of their arrival.

    At most `most_waiting` jobs wait, and about `most_seconds` at most, as far as the duration of
    recent jobs tells.
    """

    def __init__(self, *, workers: int, most_waiting: int, most_seconds: float) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="classify")
        self._lock = threading.Lock()
        self.workers, self.most_waiting, self.most_seconds = workers, most_waiting, most_seconds
        self.waiting = 0
        self.mean_seconds = 0.0

    def submit(self, functions: Sequence[Callable[[], Any]]) -> "list[asyncio.Future[Any]]":
        """Return the futures of all jobs, or raise QueueFullError if not all of them have room.

        A cancelled future takes its job out of the queue, unless a thread has begun it.
        """
        with self._lock:
            self.check_room(len(functions))
            self.waiting += len(functions)
        return [asyncio.wrap_future(self._submit(_Job(function))) for function in functions]

    def check_room(self, jobs: int = 1) -> None:
        """Raise QueueFullError if there is no room for so many jobs."""
        seconds = self.waiting * self.mean_seconds / self.workers
        if self.waiting + jobs > self.most_waiting or seconds > self.most_seconds:
            raise QueueFullError(seconds)

    def close(self) -> None:
        """Let the threads end once they have done what waits."""
        self._executor.shutdown(wait=False)

    def _submit(self, job: _Job) -> "Future[Any]":
        future = self._executor.submit(self._run, job)
        future.add_done_callback(lambda ended: self._let_go(ended, job))
        return future

    def _run(self, job: _Job) -> Any:
        function = job.function
        with self._lock:
            self.waiting -= 1
        began = time.perf_counter()
        try:
            return function() if function is not None else None
        finally:
            seconds = time.perf_counter() - began
            with self._lock:
                old = self.mean_seconds or seconds
                self.mean_seconds = old + NEWEST * (seconds - old)

    def _let_go(self, ended: "Future[Any]", job: _Job) -> None:
        job.function = None
        if ended.cancelled():
            with self._lock:
                self.waiting -= 1
