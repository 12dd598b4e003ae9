"""Word of kernels that are being compiled: Numba keeps the machine code on disk for later."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

COMPILE = "numba:compile"  # https://numba.readthedocs.io/en/stable/developer/event_api.html


class _FirstCompilation(event.Listener):
    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: event.Event) -> None:
        if self._tell is not None:
            tell, self._tell = self._tell, None
            tell()

    def on_end(self, event: event.Event) -> None:
        pass


@contextmanager
def watch_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` once, at the first compilation within the block; code on disk needs none."""
    with event.install_listener(COMPILE, _FirstCompilation(tell)):
        yield
