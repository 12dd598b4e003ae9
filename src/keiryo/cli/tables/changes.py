"""Several comparisons side by side, on the terminal."""

from rich.table import Table
from rich.text import Text

from keiryo.cli.tables.table import make_table, needed_width, open_console, say
from keiryo.records.changes import Changes
from keiryo.report.decision import changes as in_words

FIGURES = ("change", "95 % interval", "images", "accuracy", "latency", "faster?", "size")
# Columns that a narrow terminal can do without, in this order.
LEFT_OUT_FIRST = ("size", "faster?", "latency", "images", "accuracy")


def print_changes(changes: Changes) -> None:
    """Print the comparisons, what changed from one to the next, and how to read it."""
    console = open_console()
    for place, run in enumerate(changes.runs):
        say(console, f"{in_words.letter(place)}  {in_words.run_in_words(run)}")
    if not changes.changes:
        say(console, "No candidate has answers in more than one of them.")
    else:
        figures = [*FIGURES]
        table = _table(changes, figures)
        left_out = []
        for name in LEFT_OUT_FIRST:
            if needed_width(table, console) <= console.width:
                break
            figures.remove(name)
            left_out.append(name)
            table = _table(changes, figures)
        console.print(table)
        if left_out:
            say(console, f"--json also has: {', '.join(reversed(left_out))}.", "dim")
    for remark in in_words.remarks(changes):
        say(console, remark)


def _table(changes: Changes, figures: list[str]) -> Table:
    table = make_table(["model", "runs"], figures)
    for change in changes.changes:
        cells = in_words.cells(change)
        table.add_row(Text(change.candidate), cells["runs"], *(cells[name] for name in figures))
    return table
