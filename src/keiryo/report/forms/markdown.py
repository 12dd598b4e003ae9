"""A comparison as Markdown with images, for a pull request."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from keiryo.records.comparison import Comparison
from keiryo.records.places import CURVES_FOLDER
from keiryo.report import choice
from keiryo.report.decision.architectures import compared_in_words
from keiryo.report.forms.candidate_rows import HEADINGS, candidate_rows, cells, summary_sentences

HEADING_LINES = 2  # of a table
# Signs that Markdown or the HTML within it would take as its own.
SPECIAL = {ord(sign): f"\\{sign}" for sign in "\\`*_[]<>|~#&$@"} | {
    ord(sign): " " for sign in "\n\r\t"
}


def comparison_as_markdown(comparison: Comparison, folder: Path) -> str:
    """Return the comparison, whose files are in `folder`, with its curves as linked images."""
    return "\n".join(_lines(comparison, folder)) + "\n"


def table_as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table; the first column is aligned left, the others right."""
    return [
        _table_row(headings),
        _table_row(["---", *["---:"] * (len(headings) - 1)], escape=False),
        *(_table_row(row) for row in rows),
    ]


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it is."""
    return text.translate(SPECIAL)


def _lines(comparison: Comparison, folder: Path) -> Iterator[str]:
    yield f"# {escaped(comparison.data.name)}"
    yield ""
    yield _recommendation(comparison)
    yield ""
    rows = candidate_rows(comparison)
    table = table_as_markdown(HEADINGS, [cells(row) for row in rows])
    yield from table[:HEADING_LINES]
    for row, line in zip(rows, table[HEADING_LINES:], strict=True):
        name = escaped(row.name)
        yield line.replace(name, f"**{name}**", 1) if row.is_recommended else line
    yield ""
    for sentence in (*summary_sentences(comparison), *compared_in_words(comparison)):
        yield f"{escaped(sentence)}  "
    against = [(each.name, choice.why_not(comparison, each.name)) for each in comparison.candidates]
    if any(because for _, because in against):
        yield "\n## Reasons against the others\n"
        for name, because in against:
            if because is not None:
                yield f"- {escaped(name)}: {escaped(because)}"
    if comparison.findings:
        yield "\n## Findings\n"
        for finding in comparison.findings:
            words = f"{finding.evidence}. {finding.advice}"
            yield f"- **{finding.severity}**: {escaped(words)}"
    curves = sorted((folder / CURVES_FOLDER).glob("*.png"))
    if curves:
        yield "\n## Accuracy over the epochs\n"
        for curve in curves:
            yield f"![{escaped(curve.stem)}]({quote(f'{CURVES_FOLDER}/{curve.name}')})"


def _recommendation(comparison: Comparison) -> str:
    if comparison.recommended is None:
        best = comparison.most_accurate
        return "**Recommended: none.**" + (
            "" if best is None else f" {escaped(best)} is the most accurate."
        )
    because = choice.reason(comparison)
    text = f"**Recommended: {escaped(comparison.recommended)}**"
    return f"{text}, {escaped(because)}." if because else f"{text}."


def _table_row(row: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(escaped(cell) if escape else cell for cell in row)} |"
