"""Work done ahead of its use by another thread, and the report of its progress."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

BATCHES_AHEAD = 2

Result = TypeVar("Result")
# Told how many are done, of how many.
Progress = Callable[[int, int], None]


def make_ahead(make: Callable[[int], Result], steps: range) -> Iterator[Result]:
    """Yield `make(step)` for each step, made by another thread while the last ones are used."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Result]] = []
        for step in steps:
            waiting.append(pool.submit(make, step))
            if len(waiting) > BATCHES_AHEAD:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
