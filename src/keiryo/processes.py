"""The environment and the standard streams of keiryo's command line and of its processes."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

# Threads that wait for each other spin for a moment and then sleep. By default they spin for 20 ms
# or more: beside other work each then takes a core that the thread it waits for could use, and a
# training step took ten times as long beside two busy processes. Half a millisecond bridges the
# gaps within a step, so it costs nothing on a quiet machine. Libraries read these as they load.
SHORT_SPINNING = {
    "GOMP_SPINCOUNT": "10000",
    "KMP_BLOCKTIME": "1",  # milliseconds, of LLVM's OpenMP
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",
}
USERS_POLICY = "OMP_WAIT_POLICY"
STANDARD_ERROR = 2  # the number of its file


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with short spinning and `settings`.

    Values that the user has set take precedence, and so does a wait policy.
    """
    spinning = {} if USERS_POLICY in os.environ else SHORT_SPINNING
    return {**spinning, **(settings or {}), **os.environ}


def may_spin() -> bool:
    """Return whether the user wants threads to spin while they wait, by OMP_WAIT_POLICY=ACTIVE."""
    return os.environ.get(USERS_POLICY, "").strip().lower() == "active"


@contextlib.contextmanager
def output_to_stderr() -> Iterator[None]:
    """Send to standard error what is printed in this block, by libraries and child processes too.

    Standard output then holds results alone, whatever a user's own network prints.
    """
    with contextlib.redirect_stdout(sys.stderr), _standard_output_to(sys.__stderr__):
        yield


@contextlib.contextmanager
def without_output() -> Iterator[None]:
    """Discard what is printed in this block to standard output, by libraries too."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        _standard_output_to(nowhere),
    ):
        yield


@contextlib.contextmanager
def _standard_output_to(stream: TextIO | None) -> Iterator[None]:
    try:
        results, other = sys.__stdout__.fileno(), stream.fileno()  # pyright: ignore
    except (AttributeError, ValueError, io.UnsupportedOperation):
        yield  # no streams of the system, as in a notebook
        return
    sys.__stdout__.flush()  # pyright: ignore[reportOptionalMemberAccess]
    kept = os.dup(results)
    os.dup2(other, results)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, results)
        os.close(kept)


@contextlib.contextmanager
def hide_library_remarks() -> Iterator[None]:
    """Hide what libraries in C write to standard error in this block, such as mpg123's notes.

    What Python writes there is shown. Where standard error is no file of the system, as in a
    notebook, nothing is hidden.
    """
    shown, errors = sys.stderr, -1
    with contextlib.suppress(AttributeError, ValueError, io.UnsupportedOperation):
        errors = shown.fileno()
    if errors != STANDARD_ERROR:
        yield
        return
    shown.flush()
    kept = os.dup(errors)
    with (
        os.fdopen(kept, "w", 1, encoding=shown.encoding, errors="backslashreplace") as own,
        Path(os.devnull).open("w") as nothing,
    ):
        # In this order, and back in the reverse, so that no other thread's line is lost.
        sys.stderr = own
        os.dup2(nothing.fileno(), errors)
        try:
            yield
        finally:
            os.dup2(kept, errors)
            sys.stderr = shown
