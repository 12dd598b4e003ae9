"""Show the report of a comparison in docs/report.md: wide, on a phone, and as a printed page.

    python scripts/show_report.py RUN

RUN is the --out of a comparison. It needs Chromium, Playwright and pdftoppm (Debian's packages
`chromium` and `poppler-utils`).
"""

import argparse
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from keiryo.records.comparison import Comparison
from keiryo.records.places import RESULTS_FILE
from keiryo.report.page import render_page

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLORS = 128
WIDE, PHONE = (1440, 1500), (360, 1500)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Write the images into docs/images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    folder = parser.parse_args().run
    comparison = Comparison.model_validate_json((folder / RESULTS_FILE).read_bytes())
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        pages = {language: Path(scratch) / f"{language}.html" for language in ("en", "ja")}
        for language, page in pages.items():
            page.write_text(render_page(comparison, folder, language), encoding="utf-8")
        save(screenshot(browser, pages["en"], WIDE, "light"), "report-wide.png", width=1080)
        save(screenshot(browser, pages["ja"], PHONE, "dark"), "report-phone.png", width=360)
        save(print_page(browser, pages["en"], Path(scratch)), "report-print.png", width=720)
        browser.close()


def screenshot(browser: Browser, page: Path, size: tuple[int, int], scheme: str) -> bytes:
    """Return the top of the page as a PNG."""
    viewport = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # pyright: ignore
    shown = context.new_page()
    shown.goto(page.absolute().as_uri())
    image = shown.screenshot()
    context.close()
    return image


def print_page(browser: Browser, page: Path, scratch: Path) -> bytes:
    """Return the second page of the printed report, which has the table, as a PNG."""
    shown = browser.new_page()
    shown.goto(page.absolute().as_uri())
    shown.pdf(path=scratch / "page.pdf", format="A4", print_background=True)
    command = ["pdftoppm", "-r", "90", "-f", "2", "-l", "2", "-png", "-singlefile"]
    subprocess.run([*command, scratch / "page.pdf", scratch / "page"], check=True)
    return (scratch / "page.png").read_bytes()


def save(image: bytes, name: str, *, width: int) -> None:
    """Save the image with few colours, at most as wide as `width`."""
    with Image.open(io.BytesIO(image)) as opened:
        drawn = opened.convert("RGB")
    if drawn.width > width:
        drawn = drawn.resize((width, round(drawn.height * width / drawn.width)))
    colors = drawn.quantize(COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colors.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
