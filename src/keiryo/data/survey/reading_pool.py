"""Reading the images of a source on all cores, part by part."""

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
from keiryo.processes import environment

PART_IMAGES = 128
# Starting processes takes as long as some thousand small images take one thread.
FEWEST_FOR_PROCESSES = 1000


class ReadingProcessError(RuntimeError):
    """A process that was reading images ended too early."""


def divide_into_parts(total: int) -> list[range]:
    """Return the numbers of `total` images in parts, each of which one process reads."""
    return [range(start, min(start + PART_IMAGES, total)) for start in range(0, total, PART_IMAGES)]


def read_parts(
    source: Source, parts: Sequence[range], *, workers: int, target: WriteTarget | None = None
) -> Iterator[PartEntries]:
    """Read the images of `parts` on `workers` cores; yield the entries of each part, in order.

    With `target`, the fitted pixels are written there. Many images are read by processes, since
    Python runs one thread at a time. Raises ReadingProcessError if a process is killed.
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
    # On an early exit, the processes are killed first, so that no thread waits for them.
    with ThreadPoolExecutor(workers) as threads, ExitStack() as processes:
        if by_processes:
            with _ignore_interrupts():
                for _ in range(workers):
                    process = _ReadingProcess()
                    processes.callback(process.kill)
                    idle.put(process)
        yield from threads.map(read, parts)


class _ReadingProcess:
    """A process of `keiryo.data.survey.reading_process`, as its parent uses it.

    Processes of `multiprocessing` would run the user's script again or, if forked, copy locks that
    threads of torch hold.
    """

    def __init__(self) -> None:
        # The process finds the same modules in the same order.
        path = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "keiryo.data.survey.reading_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment() | {"PYTHONPATH": path},
        )

    def read(
        self, source: Source, items: Sequence[Item], part: range, target: WriteTarget | None
    ) -> PartEntries:
        """Call `read_part` in the process."""
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
                "most likely memory ran out and it was killed"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self._process.kill()
        self._process.wait()


@contextmanager
def _ignore_interrupts() -> Iterator[None]:
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
