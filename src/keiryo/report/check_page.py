"""The page of `keiryo data check`: findings about images, with the images side by side."""

from collections.abc import Mapping
from pathlib import Path

from keiryo.files import write_text
from keiryo.records.data import DataCheck
from keiryo.records.places import CHECK_FILE
from keiryo.report.languages.catalogue import english, language
from keiryo.report.page_parts import render

# The keys of the counts' titles in the catalogue.
UNREADABLE, COPIES, NEAR_COPIES, CONFLICTS, LEAKS = (
    "unreadable",
    "copies",
    "near_copies",
    "conflicts",
    "leaks",
)


def write_check_page(
    check: DataCheck, thumbnails: Mapping[str, str], folder: Path, lang: str | None = None
) -> Path:
    """Write the page of `check` into `folder`; return its path.

    `thumbnails` are data URLs by the names of images. `lang` is a language's code; without it, the
    locale decides.
    """
    path = folder / CHECK_FILE
    write_text(path, render_check_page(check, thumbnails, lang))
    return path


def render_check_page(
    check: DataCheck, thumbnails: Mapping[str, str], lang: str | None = None
) -> str:
    """Return the page: counts, findings with their images, classes."""
    return render(
        "check.html.j2",
        language(lang),
        check=check,
        counts=_counts(check),
        thumbnails=thumbnails,
        largest=max([*check.classes.values(), 1]),
    )


def counts_of(check: DataCheck) -> list[tuple[str, int]]:
    """Return the counts of a check, each with its title in English."""
    say = english()
    return [(say.plain(f"check.{key}"), count) for key, count in _counts(check)]


def _counts(check: DataCheck) -> list[tuple[str, int]]:
    copies = len(check.exact_copies) - len(check.label_conflicts)  # the others are conflicts
    return [
        (UNREADABLE, len(check.unreadable)),
        (COPIES, copies),
        (NEAR_COPIES, len(check.near_copies)),
        (CONFLICTS, len(check.label_conflicts)),
        (LEAKS, len(check.split_leaks)),
    ]
