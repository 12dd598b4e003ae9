"""Several comparisons side by side, as Markdown, LaTeX or CSV."""

import csv
import io

from keiryo.records.changes import Changes
from keiryo.report.decision.changes import (
    COLUMNS,
    cells,
    headings,
    letter,
    remarks,
    run_in_words,
)
from keiryo.report.forms.latex import table_as_latex
from keiryo.report.forms.markdown import escaped, table_as_markdown
from keiryo.report.languages.catalogue import english


def changes_as_markdown(changes: Changes) -> str:
    """Return the comparisons and the table of changes."""
    lines = [
        f"- {letter(place)}: {escaped(run_in_words(run))}" for place, run in enumerate(changes.runs)
    ]
    lines += ["", *table_as_markdown(headings(english()), _rows(changes)), ""]
    lines += [f"{escaped(remark)}  " for remark in remarks(changes, english())]
    return "\n".join(lines) + "\n"


def changes_as_latex(changes: Changes) -> str:
    """Return the table of changes, with the comparisons in its caption."""
    runs = [f"{letter(place)}: {run_in_words(run)}." for place, run in enumerate(changes.runs)]
    return table_as_latex(
        headings(english()), _rows(changes), [*runs, *remarks(changes, english())]
    )


def changes_as_csv(changes: Changes) -> str:
    """Return a row for each change, with the keys of its record."""
    text = io.StringIO()
    rows = [each.model_dump() for each in changes.changes]
    for row in rows:
        row["interval_low"], row["interval_high"] = row.pop("interval")
        row["folder_before"] = changes.runs[row["before"]].folder
        row["folder_after"] = changes.runs[row["after"]].folder
    columns = list(rows[0]) if rows else ["candidate"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _rows(changes: Changes) -> list[list[str]]:
    shown = [cells(change, english()) for change in changes.changes]
    return [[row[key] for key in COLUMNS] for row in shown]
