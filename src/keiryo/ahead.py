"""Work that another thread does ahead of its use, and the type of functions told of progress."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

BATCHES_AHEAD = 2

Result = TypeVar("Result")
# It is told the number done and the number of all.
Progress = Callable[[int, int], None]


def make_ahead(make: Callable[[int], Result], steps: range) -> Iterator[Result]:
    """Yield `make(step)` for each step; another thread makes the next ones meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Result]] = []
        for step in steps:
            waiting.append(pool.submit(make, step))
            if len(waiting) > BATCHES_AHEAD:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
