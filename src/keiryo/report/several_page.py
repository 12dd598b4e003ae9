"""The page of several comparisons: what changed from one to the next."""

from pathlib import Path

from markupsafe import Markup

from keiryo.files import write_text
from keiryo.records.changes import Changes
from keiryo.records.places import CHANGES_FILE
from keiryo.report.decision.changes import COLUMNS, cells, date, letter, machine, remarks
from keiryo.report.languages.catalogue import Language, language
from keiryo.report.page_parts import render
from keiryo.report.svg.bars import Bar, draw_bars

MOST_BARS = 40
# Figures by which columns are sorted.
SORTED_BY = {"change": "difference", "accuracy": "accuracy_after", "latency": "latency_ms_after"}


def write_changes_page(changes: Changes, folder: Path, lang: str | None = None) -> Path:
    """Write the page into `folder`, made if it does not exist; return its path.

    `lang` is a language's code; without it, the locale decides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHANGES_FILE
    write_text(path, render_changes_page(changes, lang))
    return path


def render_changes_page(changes: Changes, lang: str | None = None) -> str:
    """Return the page: the comparisons, the changes as a chart and as a table, how to read them."""
    say = language(lang)
    rows = [
        [(text, _sort_figure(change, key)) for key, text in cells(change, say).items()]
        for change in changes.changes
    ]
    return render(
        "several.html.j2",
        say,
        changes=changes,
        letter=letter,
        date=date,
        machine=machine,
        chart=_chart(changes, say),
        columns=COLUMNS,
        rows=rows,
        remarks=remarks(changes, say),
    )


def _sort_figure(change: object, key: str) -> float | None:
    return getattr(change, SORTED_BY[key]) if key in SORTED_BY else None


def _chart(changes: Changes, say: Language) -> Markup | None:
    """Return the changes with their intervals as bars, the largest first; None: there are none."""
    shown = sorted(changes.changes, key=lambda change: -abs(change.difference))[:MOST_BARS]
    if not shown:
        return None
    bars = [
        Bar(
            f"{change.candidate}, {letter(change.before)} → {letter(change.after)}",
            100.0 * change.difference,
            (100.0 * change.interval[0], 100.0 * change.interval[1]),
            "s0" if change.is_more_than_chance else "other",
        )
        for change in shown
    ]
    described = "; ".join(f"{bar.name}: {bar.value:+.1f}" for bar in bars)
    return draw_bars(
        "changes-chart",
        bars,
        title=say.plain("several.chart"),
        description=described,
        show=lambda value: f"{value:+g}" if value else "0",
        show_value="{:+.1f}".format,
    )
