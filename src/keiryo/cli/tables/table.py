"""The console and the style that all tables share."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160
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


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line without wrapping or markup."""
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
