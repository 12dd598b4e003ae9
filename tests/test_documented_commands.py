"""The commands in the README and the documentation are ones that the command line takes."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from keiryo.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(
    r"^(?: {4}|\$ )(?:time )?(?:\.venv/bin/)?keiryo ((?:.*\\\n)*.*)$", re.MULTILINE
)


def documented_commands() -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(ROOT)), found[1].replace("\\\n", " "))
        for page in PAGES
        for found in COMMAND.finditer(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("page", "line"), documented_commands())
def test_a_documented_command_is_one(page: str, line: str) -> None:
    words = shlex.split(line.split(" | ")[0], comments=True)
    command = typer.main.get_command(app)
    while get_command := getattr(command, "get_command", None):
        group = command.make_context("keiryo", [], resilient_parsing=True)
        name = words.pop(0)
        command = get_command(group, name)
        assert command is not None, f"{page}: no command {name}"
    command.make_context(line, words)  # parses the options, and runs nothing
