"""The page of `keiryo data check`: findings about images, with the images side by side."""

from collections.abc import Mapping
from pathlib import Path

from keiryo.files import write_text
from keiryo.records.data import DataCheck
from keiryo.records.places import CHECK_FILE
from keiryo.report.page_parts import page_style, page_template


def write_check_page(check: DataCheck, thumbnails: Mapping[str, str], folder: Path) -> Path:
    """Write the page of `check` into `folder`; return its path.

    `thumbnails` are data URLs by the names of images.
    """
    path = folder / CHECK_FILE
    write_text(path, render_check_page(check, thumbnails))
    return path


def render_check_page(check: DataCheck, thumbnails: Mapping[str, str]) -> str:
    """Return the page: counts, findings with their images, classes."""
    return page_template("check.html.j2").render(
        check=check,
        counts=counts_of(check),
        thumbnails=thumbnails,
        largest=max([*check.classes.values(), 1]),
        style=page_style(),
    )


def counts_of(check: DataCheck) -> list[tuple[str, int]]:
    """Return the counts of a check, each with its title."""
    copies = len(check.exact_copies) - len(check.label_conflicts)  # the others are conflicts
    return [
        ("unreadable", len(check.unreadable)),
        ("groups of exact copies in one class", copies),
        ("pairs of near-copies", len(check.near_copies)),
        ("label conflicts", len(check.label_conflicts)),
        ("leaks between splits", len(check.split_leaks)),
    ]
