"""Several comparisons side by side: what changed, and whether it is more than chance."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from comparisons import compared, trial
from conftest import Finished
from keiryo.comparison.decision.changes import compare_runs
from keiryo.comparison.trial.held_out import write_held_out
from keiryo.records.changes import Change
from keiryo.records.speed import Latency
from keiryo.report.decision.changes import remarks
from keiryo.report.languages.catalogue import english
from keiryo.report.several_page import render_changes_page
from surveys import survey_of

Keiryo = Callable[..., Finished]


def latency(low: float, high: float, *, disturbed: bool = False) -> Latency:
    return Latency(
        p50=(low + high) / 2, p95=high, spread=(low, high), batch=1, threads=1, runs=1,
        device="cpu", disturbed=disturbed,
    )  # fmt: skip


def write_run(
    folder: Path,
    day: int,
    wrong: Sequence[int],
    *,
    images: Sequence[int] = range(200),
    measured: Latency | None = None,
    model: str = "net",
) -> Path:
    """A comparison of one network that classifies the images `wrong` incorrectly."""
    labels = np.array(images) % 2
    answers = np.where(np.isin(images, wrong), 1 - labels, labels)
    survey = survey_of([(number % 2, f"{number:012x}", None) for number in images])
    accuracy = float((answers == labels).mean())
    done = trial(model, accuracy, latency_ms=measured or latency(1.0, 1.1))
    (folder / done.folder).mkdir(parents=True)
    write_held_out(folder / done.folder, np.arange(len(labels)), np.eye(2)[answers], survey.images)
    comparison = compared(done, created=f"2026-11-{day:02d}T10:00:00+00:00")
    (folder / "results.json").write_text(comparison.model_dump_json())
    return folder


def change_of(*folders: Path) -> Change:
    [change] = compare_runs(folders).changes
    return change


def test_the_same_images_are_compared_in_pairs_in_the_order_of_dates(tmp_path: Path) -> None:
    later = write_run(tmp_path / "later", 20, range(10))
    # In another order: images are known by their content, not by their row.
    earlier = write_run(tmp_path / "earlier", 10, range(30), images=range(199, -1, -1))
    changes = compare_runs([later, earlier])
    assert [run.folder for run in changes.runs] == [str(earlier), str(later)]
    [change] = changes.changes
    assert (change.is_paired, change.shared_images) == (True, 200)
    assert (change.accuracy_before, change.accuracy_after) == (0.85, 0.95)
    assert change.is_more_than_chance
    assert change.interval[0] > 0


def test_an_image_with_another_label_now_is_not_shared(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(10))
    [file] = other.rglob("held-out.npz")
    with np.load(file) as kept:
        written = dict(kept)
    written["labels"][:20] = 1 - written["labels"][:20]
    np.savez(file, **written)
    assert change_of(one, other).shared_images == 180


def test_a_small_change_is_no_more_than_chance(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(3, 15))
    change = change_of(one, other)
    assert change.difference == pytest.approx(-0.01)
    assert not change.is_more_than_chance
    assert change.interval[0] < 0 < change.interval[1]


def test_other_images_are_not_compared_in_pairs(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(150, 190), images=range(150, 350))
    change = change_of(one, other)
    assert (change.is_paired, change.shared_images) == (False, 50)
    assert (change.accuracy_before, change.accuracy_after) == (0.95, 0.80)
    assert change.is_more_than_chance


def test_results_alone_are_compared_as_other_images(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(40))
    shutil.rmtree(other / "trials")
    change = change_of(one, other)
    assert (change.is_paired, change.images_after) == (False, 400)  # as its record says
    assert (change.accuracy_before, change.accuracy_after) == (0.95, 0.80)


def test_more_changes_need_more_evidence(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(day), day, range(6 * (day % 2))) for day in range(1, 6)]
    alone = change_of(*runs[:2])
    assert alone.is_more_than_chance
    among = compare_runs(runs).changes
    assert [(each.before, each.after) for each in among] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert among[0].p_value == pytest.approx(4 * alone.p_value)
    assert not among[0].is_more_than_chance


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (latency(0.5, 0.6), "faster"),
        (latency(2.0, 2.1), "slower"),
        (latency(1.05, 1.2), "same"),
        (latency(0.5, 0.6, disturbed=True), "unknown"),
    ],
)
def test_latencies_differ_if_their_passes_do_not_overlap(
    tmp_path: Path, after: Latency, verdict: str
) -> None:
    one = write_run(tmp_path / "a", 1, [])
    other = write_run(tmp_path / "b", 2, [], measured=after)
    assert change_of(one, other).latency_verdict == verdict
    results = json.loads((other / "results.json").read_text())
    results["machine"]["processor"] = "another"
    (other / "results.json").write_text(json.dumps(results))
    assert change_of(one, other).latency_verdict == "unknown"


def test_the_command_shows_what_changed(tmp_path: Path, keiryo: Keiryo) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(40))
    third = write_run(tmp_path / "c", 3, range(5), model="another")
    shown = keiryo("report", one, other, third)
    assert shown.status == 0
    for text in ("A → B", "-15.0", "95.0 % → 80.0 %", "200 same", "Only in C: another."):
        assert text in shown.out
    assert "on the same images, McNemar's mid-p test" in shown.out
    document = json.loads(keiryo("report", one, other, "--json").out)
    assert document["changes"][0]["accuracy_after"] == 0.8
    assert keiryo("report", third, other).out.count("No candidate has answers") == 1


def test_networks_with_other_classes_are_not_compared(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a", 1, range(10))
    other = write_run(tmp_path / "b", 2, range(10))
    results = json.loads((other / "results.json").read_text())
    results["data"]["classes"] = ["a", "c"]
    (other / "results.json").write_text(json.dumps(results))
    changes = compare_runs([one, other])
    assert (changes.changes, changes.other_classes) == ([], [("net", 0, 1)])
    assert "the classes differ: net, A → B." in remarks(changes, english())[0]


def test_the_page_shows_names_as_they_are_in_both_languages(tmp_path: Path, keiryo: Keiryo) -> None:
    hostile = "<script>alert(1)</script>\"'花"
    one = write_run(tmp_path / "a", 1, range(10), model="net")
    other = write_run(tmp_path / "b", 2, range(150, 190), images=range(150, 350), model="net")
    for folder in (one, other):
        results = (folder / "results.json").read_text().replace('"net"', json.dumps(hostile))
        (folder / "results.json").write_text(results)
    changes = compare_runs([one, other])
    for code, heading in (("en", "What changed"), ("ja", "変化した点")):
        page = render_changes_page(changes, code)
        assert heading in page
        assert hostile not in page
        assert page.count("<script>") == 1
        assert "&lt;script&gt;alert(1)" in page
        assert ' class="bar s0"' in page  # more than chance
    out = tmp_path / "page"
    assert keiryo("report", one, other, "--out", out).err.strip() == str(out / "changes.html")
    refused = keiryo("report", one, other, "--out", out)
    assert (refused.status, "--force" in refused.err) == (2, True)
    assert keiryo("report", one, other, "--out", out, "--force").status == 0
    assert "only for several" in keiryo("report", one, "--out", out).err
    assert "only with --out" in keiryo("report", one, other, "--force").err
    assert "is printed" in keiryo("report", one, other, "--out", out, "--format", "md").err


def test_folders_that_hold_no_comparison_are_named(tmp_path: Path, keiryo: Keiryo) -> None:
    one = write_run(tmp_path / "a", 1, [])
    assert "named twice" in keiryo("report", one, tmp_path / "a").err
    missing = keiryo("report", one, tmp_path / "none")
    assert (missing.status, "holds no results.json" in missing.err) == (2, True)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "results.json").write_text("[]")
    assert "not a comparison's" in keiryo("report", one, tmp_path / "none").err
