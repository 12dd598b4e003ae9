"""Lines and a live bar on standard error, and a line for every long silence where no bar is."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from keiryo.cli.tables.table import SEVERITY_STYLES, say
from keiryo.records.base import Finding

# After these seconds of silence a line says what is going on; then again, ever more rarely.
SILENCES_SECONDS = (3.0, 10.0, 30.0, 60.0, 300.0)
WIDE_COLUMNS = 100
BAR_WIDTH, NARROW_BAR_WIDTH = 30, 14
STOPPING = (
    "Stopping: the running step, or the evaluation, is finished and saved. Ctrl-C again stops at "
    "once."
)


class Terminal:
    """Lines on a console and, if it is a terminal, a bar below them while work is going on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._activity = ""
        self._said_at = time.monotonic()
        self._silences = 0

    @property
    def has_bar(self) -> bool:
        """True if the bar is shown."""
        return not self._progress.disable

    def say(self, text: str, style: str | None = None) -> None:
        """Write a line."""
        self._said_at, self._silences = time.monotonic(), 0
        say(self._progress.console, text, style)

    def say_finding(self, finding: Finding) -> None:
        """Write a finding, in the colour of its severity."""
        text = f"  {finding.severity}: {finding.evidence}. {finding.advice}"
        self.say(text, SEVERITY_STYLES[finding.severity])

    def working(self, activity: str) -> None:
        """Show what is going on, where it is not known how much of it is done."""
        self.show_bar(activity, 0.0, "")

    def tell(self, text: str) -> None:
        """Write a line, such as "Measuring ...", and show it as what is going on from now."""
        self.say(text)
        self.working(text.removesuffix("...").strip())

    def stopping(self) -> None:
        """Tell that an interrupt was heard, and how long it may take."""
        self.say(STOPPING)

    def show_bar(self, activity: str, share: float, figures: str) -> None:
        """Show the done share of an activity, from 0 to 1."""
        done = f" {share:.0%}" if share else ""
        self._activity = f"  {activity}{done}" + (f" · {figures}" if figures else "") + " ..."
        if self._task is None:
            self._task = self._progress.add_task("", total=1.0, figures="")
        self._progress.update(
            self._task, description=f"  {activity}", completed=share, figures=figures
        )

    def clear_bar(self) -> None:
        """Take the bar away."""
        self._activity = ""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def break_silence(self) -> None:
        """Write the running activity if nothing was written for long."""
        wait = SILENCES_SECONDS[min(self._silences, len(SILENCES_SECONDS) - 1)]
        if self._activity and time.monotonic() - self._said_at >= wait:
            told = self._silences
            self.say(self._activity, "dim")
            self._silences = told + 1


def open_progress(console: Console | None = None, *, refreshes: float = 10) -> Progress:
    """Return the bars of `console`, by default standard error; only a terminal shows them.

    A bar is drawn again `refreshes` times a second.
    """
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR_WIDTH if console.width >= WIDE_COLUMNS else NARROW_BAR_WIDTH),
        TextColumn("{task.fields[figures]}"),
    )
    return Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=refreshes,
    )


@contextmanager
def watch_silence(terminal: Terminal) -> Iterator[None]:
    """Let `terminal` break its silences until the block ends, if it has no bar."""
    if terminal.has_bar:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            terminal.break_silence()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def show_working(activity: str) -> Iterator[Terminal]:
    """Show what is going on until the block ends, which writes only by the terminal it is given."""
    # Drawn rarely, since what is going on may be a measurement.
    with open_progress(refreshes=1) as progress:
        terminal = Terminal(progress)
        terminal.working(activity)
        with watch_silence(terminal):
            yield terminal
