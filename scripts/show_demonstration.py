"""Show the demonstration in the README: the table that it prints.

    make readme

It runs the demonstration, then this. `show_report.py` draws the images of a report.
"""

import argparse
import io
from contextlib import redirect_stdout
from pathlib import Path

from keiryo.cli.tables.comparison import print_table
from keiryo.records.comparison import Comparison
from keiryo.records.places import RESULTS_FILE

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- shown by scripts/show_demonstration.py -->\n", "<!-- end of what is shown -->\n"


def main() -> None:
    """Write the table into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparison", type=Path, help="the --out of the demonstration")
    folder = parser.parse_args().comparison
    results = Comparison.model_validate_json((folder / RESULTS_FILE).read_bytes())
    README.write_text(with_table(README.read_text(encoding="utf-8"), results, folder), "utf-8")


def with_table(page: str, results: Comparison, folder: Path) -> str:
    """Return the page with the table of `results` between its two marks."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        print_table(results, folder)
    lines = [line.strip() for line in printed.getvalue().splitlines()]
    block = "\n".join(["```text", "$ keiryo compare", *filter(None, lines), "```"])
    machine = results.machine
    where = f"{machine.cores} cores of {machine.processor}, torch {machine.torch}"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{block}\n\n({where}.)\n\n{END}{after}"


if __name__ == "__main__":
    main()
