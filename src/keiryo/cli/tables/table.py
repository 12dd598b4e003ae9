"""The console and the style that all tables share."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160
WIDEST = 1000
SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def open_console() -> Console:
    """Return standard output as a console, wide enough for any table if it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def make_table(left: Sequence[str], right: Sequence[str], title: str | None = None) -> Table:
    """Return a table without rows; the columns `left` are aligned left, then `right` right."""
    title_text = None if title is None else Text(title)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title_text)
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def needed_width(table: Table, console: Console) -> int:
    """Return the number of columns in which nothing in `table` is folded."""
    return Measurement.get(console, console.options.update(width=WIDEST), table).maximum


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line without markup; a terminal breaks it between words, a file gets it whole."""
    whole = not console.is_terminal
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=whole)


def say_command(console: Console, label: str, command: str) -> None:
    """Print a command behind its label, unbroken, so that it can be copied."""
    console.print(f"{label}{command}", highlight=False, markup=False, soft_wrap=True)
