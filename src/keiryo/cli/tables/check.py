"""The findings of a check of images, on the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table

from keiryo.cli.progress import SEVERITY_STYLES
from keiryo.records.base import Finding
from keiryo.records.data import DataCheck

SHOWN = 5


def print_check(check: DataCheck) -> None:
    """Print the classes and every finding, with the first files of each, to standard output."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    _say(console, f"{check.name}: {check.images} images, {len(check.classes)} classes")
    _print_classes(console, check)
    for finding in check.findings:
        _say(console, f"{finding.severity}: {finding.evidence}.", SEVERITY_STYLES[finding.severity])
        _say(console, f"  {finding.advice}")
        for line in _lines(finding):
            _say(console, f"    {line}", "dim")
    if not check.findings:
        _say(console, "Nothing found.")


def _print_classes(console: Console, check: DataCheck) -> None:
    shown = sorted(check.classes.items(), key=lambda pair: -pair[1])
    if len(shown) > 4 * SHOWN:
        largest, smallest = shown[0], shown[-1]
        _say(
            console, f"  from {smallest[1]} ({smallest[0]}) to {largest[1]} ({largest[0]}) a class"
        )
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    table.add_column("images", justify="right")
    for name, count in shown:
        table.add_row(name, str(count))
    console.print(table)


def _lines(finding: Finding) -> list[str]:
    lines = [
        "  =  ".join(
            f"{file} ({split})" if split else file
            for file, split in zip(
                group.files, group.splits or [""] * len(group.files), strict=True
            )
        )
        + (f"  ({group.distance} of 256 bits differ)" if group.distance else "")
        for group in finding.groups
    ] + finding.files
    if len(lines) > SHOWN + 1:
        return [*lines[:SHOWN], f"and {len(lines) - SHOWN} more (--json and --html list them)"]
    return lines


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style)
