"""Show the demonstration in the README: the table that it prints, and a screenshot of its report.

    make readme

It runs the demonstration, then this. The screenshot needs Chromium or Chrome.
"""

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from keiryo.cli.tables.comparison import print_table
from keiryo.records.comparison import Comparison
from keiryo.records.places import REPORT_FILE, RESULTS_FILE

README = Path(__file__).parents[1] / "README.md"
SCREENSHOT = README.parent / "docs" / "images" / "report.png"
BEGIN, END = "<!-- shown by scripts/show_demonstration.py -->\n", "<!-- end of what is shown -->\n"
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
WIDTH, HEIGHT = 1000, 820


def main() -> None:
    """Write the table into the README and the screenshot beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("comparison", type=Path, help="the --out of the demonstration")
    folder = parser.parse_args().comparison
    results = Comparison.model_validate_json((folder / RESULTS_FILE).read_bytes())
    README.write_text(with_table(README.read_text(encoding="utf-8"), results, folder), "utf-8")
    take_screenshot(folder / REPORT_FILE)


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


def take_screenshot(report: Path) -> None:
    """Save what a browser shows of the top of the report."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no screenshot taken: install one of {', '.join(BROWSERS)}")
    SCREENSHOT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
        command += [f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}"]
        command += ["--virtual-time-budget=10000", f"--screenshot={SCREENSHOT.absolute()}"]
        subprocess.run([*command, report.absolute().as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
