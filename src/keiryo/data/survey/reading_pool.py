"""The images of a source read on all cores, part by part."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue

from keiryo.data.items import Item
from keiryo.data.sources.source import Source
from keiryo.data.survey.reading import PartEntries, WriteTarget, read_part

PART_IMAGES = 128
# Starting processes takes as long as some thousand small images take one thread.
FEWEST_FOR_PROCESSES = 1000


class ReadingProcessError(RuntimeError):
    """A process that was reading images has ended before it was done."""


def divide_into_parts(total: int) -> list[range]:
    """Return the numbers of `total` images in portions that are read by one process each."""
    return [range(start, min(start + PART_IMAGES, total)) for start in range(0, total, PART_IMAGES)]


def read_parts(
    source: Source, parts: Sequence[range], *, workers: int, target: WriteTarget | None = None
) -> Iterator[PartEntries]:
    """Read the images of `parts` on `workers` cores; yield what came of each, in that order.

    With `target`, the fitted pixels of each are written there. Many images are read by
    processes, since Python runs but one thread at a time. Raises ReadingProcessError where
    one of them is killed.
    """
    workers = max(1, min(workers, len(parts)))
    idle: SimpleQueue[_ReadingProcess] = SimpleQueue()

    def read(part: range) -> PartEntries:
        items = source.items[part.start : part.stop]
        if not by_processes:
            return read_part(source, items, part, target)
        process = idle.get()
        try:
            return process.read(source.restrict_to(part), items, part, target)
        finally:
            idle.put(process)

    by_processes = workers > 1 and sum(map(len, parts)) >= FEWEST_FOR_PROCESSES
    # Left early, the processes are killed first, so that no thread waits for them any more.
    with ThreadPoolExecutor(workers) as threads, ExitStack() as processes:
        if by_processes:
            with _interrupts_put_off():
                for _ in range(workers):
                    process = _ReadingProcess()
                    processes.callback(process.kill)
                    idle.put(process)
        yield from threads.map(read, parts)


class _ReadingProcess:
    """A process of `keiryo.data.survey.reading_process`, seen from here.

    The standard library's, and those forked from here, would be ready no sooner, or not
    safely: they run the user's own script again, or copy the locks that torch's threads hold.
    """

    def __init__(self) -> None:
        # It finds the modules that are found here, in the same order.
        path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "keiryo.data.survey.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )

    def read(
        self, source: Source, items: Sequence[Item], part: range, target: WriteTarget | None
    ) -> PartEntries:
        """Let it `read_part`."""
        jobs, answers = self._process.stdin, self._process.stdout
        assert jobs
        assert answers
        try:
            pickle.dump((source, items, part, target), jobs)
            jobs.flush()
            answer = pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            status = self._process.wait()
            raise ReadingProcessError(
                f"a process that was reading images ended with status {status}; "
                "most likely it was killed for want of memory"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self) -> None:
        """End it at once, and wait until it has."""
        self._process.kill()
        self._process.wait()


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Ignore SIGINT while workers start.

    They inherit this, so Ctrl-C prints no traceback from each.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
