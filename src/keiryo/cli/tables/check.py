"""The findings of a check of images, on the terminal."""

from rich.console import Console
from rich.text import Text

from keiryo.cli.tables.table import SEVERITY_STYLES, make_table, open_console, say
from keiryo.records.base import Finding
from keiryo.records.data import DataCheck

SHOWN = 5


def print_check(check: DataCheck) -> None:
    """Print the classes and every finding, with the first files of each, to standard output."""
    console = open_console()
    say(console, f"{check.name}: {check.images} images, {len(check.classes)} classes")
    _print_classes(console, check)
    for finding in check.findings:
        say(console, f"{finding.severity}: {finding.evidence}.", SEVERITY_STYLES[finding.severity])
        say(console, f"  {finding.advice}")
        for line in _lines(finding):
            say(console, f"    {line}", "dim")
    if not check.findings:
        say(console, "Nothing found.")


def _print_classes(console: Console, check: DataCheck) -> None:
    shown = sorted(check.classes.items(), key=lambda pair: -pair[1])
    if len(shown) > 4 * SHOWN:
        largest, smallest = shown[0], shown[-1]
        say(console, f"  from {smallest[1]} ({smallest[0]}) to {largest[1]} ({largest[0]}) a class")
        return
    table = make_table(["class"], ["images"])
    for name, count in shown:
        table.add_row(Text(name), str(count))
    console.print(table)


def _lines(finding: Finding) -> list[str]:
    lines = [
        "  =  ".join(
            f"{file} ({split})" if split else file
            for file, split in zip(
                group.files, group.splits or [""] * len(group.files), strict=True
            )
        )
        + (f"  ({group.distance} of 256 bits differ)" if group.distance is not None else "")
        for group in finding.groups
    ] + finding.files
    if len(lines) > SHOWN + 1:
        return [*lines[:SHOWN], f"and {len(lines) - SHOWN} more (--json and --html list them)"]
    return lines
