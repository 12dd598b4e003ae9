"""Several comparisons side by side, on the terminal."""

from rich.table import Table
from rich.text import Text

from keiryo.cli.tables.table import make_table, needed_width, open_console, say
from keiryo.records.changes import Changes
from keiryo.report.decision.changes import COLUMNS, cells, letter, remarks, run_in_words
from keiryo.report.languages.catalogue import english

# Columns that a narrow terminal can do without, in this order.
LEFT_OUT_FIRST = ("size", "faster", "latency", "images", "accuracy")


def print_changes(changes: Changes) -> None:
    """Print the comparisons, what changed from one to the next, and how to read it."""
    console, text = open_console(), english()
    for place, run in enumerate(changes.runs):
        say(console, f"{letter(place)}  {run_in_words(run)}")
    if not changes.changes:
        say(console, text.plain("several.nothing"))
    else:
        columns = [*COLUMNS]
        table = _table(changes, columns)
        for name in LEFT_OUT_FIRST:
            if needed_width(table, console) <= console.width:
                break
            columns.remove(name)
            table = _table(changes, columns)
        console.print(table)
        if left_out := [name for name in COLUMNS if name not in columns]:
            names = [text.plain(f"several.{name}") for name in left_out]
            say(console, f"--json also has: {', '.join(names)}.", "dim")
    for remark in remarks(changes, text):
        say(console, remark)


def _table(changes: Changes, columns: list[str]) -> Table:
    text = english()
    headings = [text.plain(f"several.{name}") for name in columns]
    table = make_table(headings[:1], headings[1:])
    for change in changes.changes:
        shown = cells(change, text)
        table.add_row(*(Text(shown[name]) for name in columns))
    return table
