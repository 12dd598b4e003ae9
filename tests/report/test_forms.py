"""A comparison in other forms: Markdown, LaTeX, CSV, print, notebooks, pandas."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

import keiryo as package
from comparisons import compared, trial
from conftest import Finished
from keiryo.records.base import Finding
from keiryo.records.comparison import Comparison, Limits
from keiryo.records.training import Epoch
from keiryo.report.forms.latex import comparison_as_latex
from keiryo.report.forms.markdown import comparison_as_markdown

Keiryo = Callable[..., Finished]
HOSTILE = "<b>own</b>|$x_1$ {花}\\"


def of_three() -> Comparison:
    return compared(
        trial("net_a", 0.9, 3.0),
        trial(HOSTILE, 0.8, 2.0),
        trial("broken", status="failed", val_accuracy=None, val_accuracy_interval=None),
        limits=Limits(max_latency_ms=2.5),
        findings=[Finding(code="c", severity="warning", evidence="50 % | <i>", advice="Look")],
    )


def test_markdown_shows_names_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "curves").mkdir()
    (tmp_path / "curves" / "a b.png").write_bytes(b"")
    text = comparison_as_markdown(of_three(), tmp_path)
    lines = text.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 5
    assert {line.replace("\\|", "").count("|") for line in table} == {9}
    assert "**\\<b\\>own\\</b\\>\\|\\$x\\_1\\$ {花}\\\\**" in table[3]
    assert "| broken | failed |" in table[4]
    assert "net\\_a: over --max-latency-ms 2.5 with 3.00 ms" in text
    assert "- **warning**: 50 % \\| \\<i\\>. Look" in text
    assert "![a b](curves/a%20b.png)" in text
    none = of_three().model_copy(update={"recommended": None, "most_accurate": "net_a"})
    assert "**Recommended: none.** net\\_a is" in comparison_as_markdown(none, tmp_path)


def test_latex_shows_names_as_they_are() -> None:
    text = comparison_as_latex(of_three())
    assert "\\textbf{\\textless{}b\\textgreater{}own" in text
    assert "\\textbar{}\\$x\\_1\\$ \\{花\\}\\textbackslash{}}" in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {row.count(" & ") for row in rows} == {7}
    grouping = text.replace("\\{", "").replace("\\}", "")
    assert grouping.count("{") == grouping.count("}")


def test_forms_are_written_beside_the_results(tmp_path: Path, keiryo: Keiryo) -> None:
    comparison = of_three()
    (tmp_path / "results.json").write_text(comparison.model_dump_json())
    for form, name in (("md", "report.md"), ("latex", "report.tex"), ("csv", "results.csv")):
        done = keiryo("report", tmp_path, "--format", form)
        assert done.out.strip() == str(tmp_path / name)
        assert "net" in (tmp_path / name).read_text(encoding="utf-8")
    with (tmp_path / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == ["net_a", HOSTILE, "broken"]
    assert float(rows[0]["val_accuracy_low"]) < 0.9 < float(rows[0]["val_accuracy_high"])
    other = Path(tmp_path / "other")
    other.mkdir()
    (other / "results.json").write_text(comparison.model_dump_json())
    for form, text in (("md", "- A: "), ("latex", "\\begin{table}"), ("csv", "candidate")):
        assert text in keiryo("report", tmp_path, other, "--format", form).out
    both = keiryo("report", tmp_path, other, "--format", "md", "--json")
    assert (both.status, "give one of the two" in both.err) == (2, True)
    (tmp_path / "results.json").write_text(json.dumps({"kind": "wavenet"}))
    refused = keiryo("report", tmp_path, "--format", "md")
    assert (refused.status, "for comparisons alone" in refused.err) == (2, True)


def test_a_comparison_and_a_trial_print_as_tables() -> None:
    comparison = of_three()
    text = str(comparison)
    assert text.splitlines()[0].split() == [
        "model",
        "seed",
        "held",
        "out",
        "latency",
        "size",
        "parameters",
    ]
    assert "Recommended: <b>own</b>" in text
    assert "held-out accuracy  90.0% (95 % interval" in str(comparison.trials[0])
    assert "<b>own" not in comparison.trials[1]._repr_html_()
    assert "&lt;b&gt;own" in comparison.trials[1]._repr_html_()


def test_frames_have_a_row_for_each_trial_epoch_and_layer() -> None:
    comparison = of_three()
    frame = comparison.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["model"]) == ["net_a", HOSTILE, "broken"]
    assert list(frame["latency_ms.p50"]) == [3.0, 2.0, 1.0]
    assert frame["val_accuracy_interval.low"][0] < 0.9
    epoch = Epoch(
        epoch=1, train_loss=1.0, train_accuracy=0.5, val_loss=1.0, val_accuracy=0.5,
        learning_rate=0.1, seconds=1.0,
    )  # fmt: skip
    trained = comparison.trials[0].model_copy(update={"history": [epoch, epoch]})
    assert len(trained.to_frame()) == 2
    weighing = package.weigh(package.build("densenet:layers=1-1,growth=4", classes=2), (3, 32, 32))
    assert list(weighing.to_frame()["macs"]) == [layer.macs for layer in weighing.layers]


def test_a_frame_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        of_three().to_frame()
