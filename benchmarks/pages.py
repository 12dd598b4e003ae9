"""Time for a report's page to open in Chromium, for comparisons of many trials.

    python benchmarks/pages.py RESULTS --trials 200 1000

RESULTS is the results.json of a comparison. Its trials are copied under other names until there are
as many. The time is from the start of the loading to the second frame after it; the processor time
is that of all of the browser's processes. It needs Chromium and Playwright.
"""

import argparse
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

from keiryo.records.comparison import Comparison
from keiryo.report.page import render_page

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""
IMAGE = re.compile(r"data:image/[^\"]*")
SEEDS = 5  # of a candidate


def main() -> None:
    """Print the size of the page and the times, the median of five."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--trials", type=int, nargs="+", default=[200, 1000])
    given = parser.parse_args()
    comparison = Comparison.model_validate_json(given.results.read_bytes())
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for count in given.trials:
            start = time.process_time()
            page = render_page(with_trials(comparison, count), given.results.parent, "en")
            written = time.process_time() - start
            file = Path(folder) / "page.html"
            file.write_text(page, encoding="utf-8")
            times = [open_page(browser, file) for _ in range(5)]
            seconds, processor = (statistics.median(each) for each in zip(*times, strict=True))
            size = len(IMAGE.sub("", page)) / 1e6
            print(
                f"{count} trials: {size:.2f} MB without images, written in {written:.2f} s of "
                f"processor time, drawn in {seconds:.2f} s ({processor:.2f} s of processor time)"
            )
        browser.close()


def with_trials(comparison: Comparison, count: int) -> Comparison:
    """Return a comparison of `count` trials, of new candidates with the figures of the others."""
    done = [trial for trial in comparison.trials if trial.status == "done"]
    trials = [
        done[number % len(done)].model_copy(
            update={"model": f"{done[number % len(done)].model}~{number // SEEDS}", "seed": seed}
        )
        for number in range(count)
        for seed in [number % SEEDS]
    ]
    names = list(dict.fromkeys(trial.candidate for trial in trials))
    return comparison.model_copy(
        update={
            "trials": trials,
            "ranking": names,
            "pareto": names[:3],
            "candidates": [],
            "differences": [],
            "architectures": [],
            "may_replace": {name: names[place + 1 :][:20] for place, name in enumerate(names)},
        }
    )


def open_page(browser: Browser, file: Path) -> tuple[float, float]:
    """Return the seconds to open and draw `file`, and the processor time of the browser."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    before, start = processor_seconds(), time.perf_counter()
    page.goto(file.as_uri(), wait_until="load")
    page.evaluate(DRAWN)
    seconds, processor = time.perf_counter() - start, processor_seconds() - before
    page.context.close()
    return seconds, processor


def processor_seconds() -> float:
    """Return the processor time of all processes below this one."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
