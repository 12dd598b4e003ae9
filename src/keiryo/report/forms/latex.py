"""A comparison as a LaTeX table, for a paper. It needs the package booktabs."""

from collections.abc import Sequence

from keiryo.records.comparison import Comparison
from keiryo.report.choice import AS_ACCURATE
from keiryo.report.decision.architectures import compared_in_words
from keiryo.report.forms.candidate_rows import HEADINGS, candidate_rows, cells, summary_sentences

SPECIAL = {
    ord(sign): text
    for sign, text in {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "–": "--",
        "µ": r"\textmu{}",
        "×": r"\texttimes{}",
        "†": r"\textdagger{}",
        "→": r"$\to$",
        AS_ACCURATE: r"$\approx$",
    }.items()
}


def comparison_as_latex(comparison: Comparison) -> str:
    """Return a `table` with a row for each candidate, the recommended one in bold."""
    rows = candidate_rows(comparison)
    bold = [place for place, row in enumerate(rows) if row.is_recommended]
    caption = [*summary_sentences(comparison), *compared_in_words(comparison)]
    return table_as_latex(HEADINGS, [cells(row) for row in rows], caption, bold=bold)


def table_as_latex(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: Sequence[str],
    *,
    bold: Sequence[int] = (),
) -> str:
    """Return a `table` with the sentences of `caption`; the first cells of `bold` rows are bold."""
    lines = [
        "% Needs \\usepackage{booktabs}, and a Unicode font for names in other scripts.",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{escaped(' '.join(caption))}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        "    \\toprule",
        f"    {' & '.join(map(escaped, headings))} \\\\",
        "    \\midrule",
    ]
    for place, row in enumerate(rows):
        name, *figures = map(escaped, row)
        shown = f"\\textbf{{{name}}}" if place in bold else name
        lines.append(f"    {' & '.join([shown, *figures])} \\\\")
    lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Return `text` so that LaTeX prints it as it is."""
    return "".join(sign for sign in text if sign.isprintable()).translate(SPECIAL)
