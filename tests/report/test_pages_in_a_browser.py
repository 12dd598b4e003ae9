"""Pages in a real browser: by keyboard, on a phone, in the dark, on paper, with hostile names.

They need Chromium (Debian's package `chromium`) and the packages of the extra `test`.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import keiryo
from drawn_comparisons import draw_comparison, make_comparison, make_latency, make_trial
from keiryo.comparison.rank import rank, recommend_lightest
from keiryo.data.audit.audit import audit
from keiryo.records.base import Finding
from keiryo.records.comparison import Comparison, Limits
from keiryo.records.places import RESULTS_FILE, SNAPSHOTS_FILE, THUMBNAILS_FILE
from keiryo.records.wavenet import WaveNetTraining
from keiryo.report.budgets import BYTES_PER_MEGABYTE, budget_data
from keiryo.report.check_page import render_check_page
from keiryo.report.languages.catalogue import english
from keiryo.report.page import render_page
from keiryo.report.wavenet_page import render_wavenet_page
from keiryo.report.weighing_page import render_weighing_page
from surveys import survey_of

WHERE = "pip install -c constraints.txt -e '.[test]'"
sync_api = pytest.importorskip("playwright.sync_api", reason=f"Playwright is missing: {WHERE}")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK, A4 = (360, 740), (1440, 900), (703, 990)  # A4 in CSS pixels, without its margins
# Markup, quotes, a script, an emoji, letters from right to left, an override of the direction.
HOSTILE = "</script><img src=x onerror='document.title=1'>\"&amp;{{7*7}} 🌸 שלום‮gpj"


class Opened:
    """A page of the browser, with what it complained of and what it asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda line: self.complaints.append(line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))

    def show(self, html: str, file: Path) -> Any:
        file.write_text(html, encoding="utf-8")
        self.page.goto(file.as_uri())
        return self.page

    def check(self) -> None:
        assert self.complaints == []
        remote = [url for url in self.asked if not url.startswith(("file:", "data:"))]
        assert remote == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    context = browser.new_context(viewport=dict(zip(("width", "height"), DESK, strict=True)))
    one = Opened(context.new_page())
    yield one
    one.check()
    context.close()


def shown() -> Comparison:
    """Return a comparison of three: the accurate one is slow, and the fast one may replace it."""
    trials = [
        make_trial(
            "slow",
            seed,
            0.92 + seed / 100,
            latency_ms=make_latency(40.0 + seed),
            precision="float32",
            waiting_share=0.125,
            processor_share=0.875,
        )
        for seed in range(2)
    ]
    trials += [
        make_trial("fast", 0, 0.91, latency_ms=make_latency(8.0), artifact_bytes=2_500_000),
        make_trial("weak", 0, 0.6, latency_ms=make_latency(3.0), artifact_bytes=900_000),
        make_trial("broken", 0, 0.0, status="failed", error="RuntimeError: no memory"),
    ]
    trials[2].diagnosis = [
        Finding(code="plateau", severity="warning", evidence="it stands still", advice="Wait.")
    ]
    trials[2].robustness = {"noise": [0.8, 0.7, 0.6], "blur": [0.8, 0.7, 0.5]}
    return make_comparison(
        trials,
        name="/home/somebody/flowers",
        metric="balanced",
        recommended="fast",
        recommended_trial=trials[2].folder,
        may_replace={"slow": ["fast"], "fast": [], "weak": []},
    )


def wrong_width(page: Any) -> list[str]:
    """Return what is wider than the page, unless it lies in a region that scrolls."""
    return page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((one) => {
            const region = one.closest(".scroll");
            const scrolls = region && getComputedStyle(region).overflowX === "auto";
            const clipped = one.closest("figure.image figcaption");
            return !scrolls && !clipped && one.getBoundingClientRect().right > innerWidth + 1;
        }).map((one) => one.outerHTML.slice(0, 120))"""
    )


def set_up(page: Any, size: tuple[int, int], **media: str) -> None:
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.emulate_media(**media)


def check_for_everyone(page: Any) -> None:
    """Check that nothing is cut off, and nothing bars anyone, as far as axe-core finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=WHERE)
    assert wrong_width(page) == []
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


def test_sliders_move_the_recommendation_and_back(opened: Opened, tmp_path: Path) -> None:
    page = opened.show(render_page(shown(), tmp_path), tmp_path / "page.html")
    advice, slider = page.locator("#advice"), page.locator("#budget-latency")
    assert advice.get_attribute("data-candidate") == "fast"
    assert slider.get_attribute("aria-valuetext") == "no limit"
    assert page.locator("svg .limit:not([hidden])").count() == 0
    slider.focus()
    for _ in range(30):
        slider.press("ArrowLeft")
        if advice.get_attribute("data-candidate") == "weak":
            break
    assert advice.get_attribute("data-candidate") == "weak"
    assert "ms" in slider.get_attribute("aria-valuetext")
    assert page.locator("#front-latency .limit:not([hidden])").count() == 1
    assert page.locator("tr.over th").all_inner_texts()[0].startswith("slow")
    assert page.locator("tr.recommended th").inner_text().startswith("weak")
    slider.press("Home")
    assert advice.inner_text() == "No candidate is within these limits."
    page.locator("#budgets-reset").press("Enter")
    assert advice.get_attribute("data-candidate") == "fast"


def test_the_page_recommends_by_the_rule_of_the_comparison(opened: Opened, tmp_path: Path) -> None:
    bounds = [
        Limits(max_latency_ms=latency, max_size_mb=size, max_params=parameters)
        for latency in (None, 5.0, 8.0, 16.0, 30.0)
        for size in (None, 4.001, 8.003)
        for parameters in (None, 1_000_000, 2_500_000)
    ]
    drawn = [draw_comparison(seed, candidates=6, seeds=1 + seed % 2) for seed in range(12)]
    expected, asked = [], []
    for comparison in drawn:
        data = budget_data(comparison, english())
        assert data is not None
        for limits in bounds:
            within = rank(comparison.trials, limits)
            as_good = comparison.may_replace.get(within.recommended or "", [])
            told = recommend_lightest(within, comparison.trials, limits, as_good)
            expected.append((told.recommended, told.recommended_trial))
            size = limits.max_size_mb and limits.max_size_mb * BYTES_PER_MEGABYTE
            given = {
                "latency": limits.max_latency_ms,
                "size": size,
                "parameters": limits.max_params,
            }
            asked.append([data["candidates"], given])
    page = opened.show(render_page(shown(), tmp_path), tmp_path / "page.html")
    found = page.evaluate(
        """(asked) => asked.map(([candidates, limits]) => {
            const one = keiryo.recommend(candidates, limits);
            return one ? [one.name, one.trial] : [null, null];
        })""",
        asked,
    )
    assert [tuple(one) for one in found] == expected
    assert len({name for name, _ in expected}) > 4


def test_tables_sort_by_keyboard(opened: Opened, tmp_path: Path) -> None:
    page = opened.show(render_page(shown(), tmp_path), tmp_path / "page.html")
    models = page.locator("#table tbody th bdi")
    heading = page.get_by_role("button", name="latency", exact=True)
    heading.press("Enter")
    assert models.all_inner_texts() == ["weak", "fast", "broken", "slow", "slow"]
    heading.press("Enter")
    assert models.all_inner_texts() == ["slow", "slow", "broken", "fast", "weak"]
    assert page.locator("#table th[aria-sort]").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_pages_are_open_to_everyone(
    opened: Opened, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    page = opened.page
    set_up(page, size, color_scheme=scheme)
    opened.show(render_page(shown(), tmp_path, "ja"), tmp_path / "page.html")
    check_for_everyone(page)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(245, 246, 248)" if scheme == "light" else "rgb(18, 21, 26)")


@pytest.mark.slow
@pytest.mark.parametrize("size", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_other_commands_are_open_to_everyone(
    opened: Opened, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    page = opened.page
    set_up(page, size, color_scheme=scheme)
    names = ("mobilenet_v2:width=0.35", "densenet:layers=2-2,growth=4")
    weighings = [keiryo.weigh(keiryo.build(name, classes=5), (3, 64, 64)) for name in names]
    written_before = Path(__file__).parents[1] / "written_before" / "wavenet-finished"
    training = WaveNetTraining.model_validate_json((written_before / RESULTS_FILE).read_bytes())
    pages = [
        render_weighing_page(weighings, None, "ja"),
        render_check_page(
            audit(survey_of([(0, "a", "train"), (1, "a", "val"), (1, "b", "val")])), {}, "ja"
        ),
        render_wavenet_page(training, written_before, "ja"),
    ]
    opened.show(pages[0], tmp_path / "page.html")
    # Over the first column, which the grid and the shades let through.
    page.locator(".layers .plot > svg").first.hover(position={"x": 2, "y": 60}, force=True)
    assert "Conv2d" in page.locator(".layers .at").first.inner_text()
    for html in pages:
        opened.show(html, tmp_path / "page.html")
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        check_for_everyone(page)


def test_nothing_is_cut_on_paper(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    set_up(page, A4, media="print", color_scheme="dark")
    opened.show(render_page(shown(), tmp_path), tmp_path / "page.html")
    assert wrong_width(page) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_hostile_names_are_shown_as_written_and_run_nothing(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / THUMBNAILS_FILE).write_text(json.dumps({HOSTILE: "data:image/png;base64,"}))
    trials = [
        make_trial(HOSTILE, 0, 0.9),
        make_trial("other", 0, 0.8),
        make_trial(HOSTILE + "2", 0, 0.5, status="failed", error=HOSTILE),
    ]
    finding = Finding(
        code="copies", severity="warning", evidence=HOSTILE, advice=HOSTILE, files=[HOSTILE, "b"]
    )
    comparison = make_comparison(
        trials, name=HOSTILE, classes=[HOSTILE, "b"], findings=[finding, finding]
    )
    page = opened.show(render_page(comparison, tmp_path), tmp_path / "page.html")
    assert page.title() == f"keiryo: {HOSTILE}"
    for place in ("h1", "#table tbody th bdi >> nth=0", "#findings > p bdi >> nth=0",
                  ".error pre", "#curves figcaption >> nth=0", ".findings b >> nth=0"):  # fmt: skip
        assert HOSTILE in page.locator(place).text_content(), place
    assert HOSTILE in page.locator("#advice").inner_text()
    assert page.locator("img[src='x']").count() == 0
    assert SNAPSHOTS_FILE not in page.content()
