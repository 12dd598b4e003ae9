"""`keiryo compare --engine`: the figures are those of the exported file, wherever there is one."""

import csv
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Finished
from keiryo.cli.progress import plan_lines
from keiryo.comparison.plan import make_plan

Keiryo = Callable[..., Finished]
NETWORK = "densenet:layers=2-2,growth=4"
SORTS = """
import torch
from torch import nn

class Sorts(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes)

    def forward(self, x):
        means = self.layer(x.mean((2, 3)))
        return means + 0 * torch.linalg.svdvals(means[:, None, :])
"""


def results_of(finished: Finished) -> tuple[dict, dict]:
    assert finished.status == 0, finished.err
    results = json.loads(finished.out)
    return results, results["trials"][0]


def test_figures_are_those_of_the_file_that_is_kept(
    keiryo: Keiryo, flower_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--size", 32, "--batch", 8, "--threads", 1, "--epochs", 1)
    now = ("--wait-for-quiet", 0, "--json", "--out", out)
    # ONNX Runtime is what a comparison takes if no engine is named.
    begun = keiryo("compare", flower_folder, "--models", NETWORK, *options, *now)
    results, trial = results_of(begun)
    assert results["engine"] == trial["engine"] == trial["latency_ms"]["engine"] == "onnx"
    assert results["engine_version"].startswith("ONNX Runtime ")
    file = out / trial["folder"] / "model.onnx"
    assert trial["artifact_bytes"] == file.stat().st_size
    agreement = trial["exports"]["onnx"]["agreement"]
    assert trial["val_accuracy"] == agreement["accuracy"]
    assert (agreement["images"], agreement["images_from"]) == (trial["val_images"], "data")
    with (out / "results.csv").open() as table:
        assert [row["engine"] for row in csv.DictReader(table)] == ["onnx"]
    assert results["engine_version"] in (out / "report.html").read_text(encoding="utf-8")

    # It is exported once, and a limit is compared with the size of its file.
    written = file.stat().st_mtime_ns
    trained = (out / trial["folder"] / "model.safetensors").stat().st_size
    assert trained != trial["artifact_bytes"]
    limit = trial["artifact_bytes"] / 1e6
    for megabytes, recommended in ((limit, NETWORK), (limit - 1e-4, None)):
        again, same = results_of(keiryo("compare", "--resume", "--max-size-mb", megabytes, *now))
        assert file.stat().st_mtime_ns == written
        assert same == trial
        assert again["most_accurate"] == recommended

    # The engine may be chosen anew; the trained network's own figures then stand again.
    by_torch, other = results_of(keiryo("compare", "--resume", "--engine", "torch", *now))
    assert by_torch["engine"] == other["engine"] == other["latency_ms"]["engine"] == "torch"
    assert other["artifact_bytes"] == trained
    assert other["history"] == trial["history"]
    refused = keiryo("compare", "--resume", "--engine", "tensorrt", "--out", out)
    assert (refused.status, "--engine tensorrt: give torch or onnx or openvino" in refused.err) == (
        2,
        True,
    )


@pytest.mark.slow  # PyTorch's second exporter takes 20 s to find that it cannot either
def test_a_network_that_cannot_be_exported_keeps_torchs_figures(
    keiryo: Keiryo, flower_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(SORTS)
    out = tmp_path / "out"
    model = f"{tmp_path}/mine.py:Sorts"
    arguments = ("--size", 32, "--batch", 8, "--threads", 1, "--epochs", 1, "--wait-for-quiet", 0)
    results, trial = results_of(
        keiryo(
            *("compare", flower_folder, "--models", model, "--engine", "onnx", "--out", out),
            *(*arguments, "--json"),
        )
    )
    assert (results["engine"], trial["engine"]) == ("onnx", "torch")
    assert trial["latency_ms"]["engine"] == "torch"
    assert "linalg_svd" in trial["exports"]["onnx"]["error"]
    saved = out / trial["folder"] / "model.safetensors"
    assert trial["artifact_bytes"] == saved.stat().st_size
    (finding,) = [one for one in results["findings"] if one["code"] == "not_exported"]
    assert "linalg_svd" in finding["evidence"]
    table = keiryo("compare", "--resume", "--out", out)  # and it is not tried again
    assert "ms†" in table.out.replace("*", "").replace("µs", "ms")
    assert "† Those of torch" in table.out
    assert "†" in (out / "report.html").read_text(encoding="utf-8")


def test_without_onnx_runtime_the_plan_says_that_figures_are_torchs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"data": "petals:count=60", "models": [NETWORK], "threads": 1}
    plan = make_plan(given)
    assert plan.engine == "onnx"
    assert "ONNX Runtime" not in "\n".join(plan_lines(plan, {}, 60))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name)
    )
    plan = make_plan(given)
    assert plan.engine == "torch"
    (line,) = [line for line in plan_lines(plan, {}, 60) if "ONNX Runtime is not installed" in line]
    assert "pip install 'keiryo[onnx]'" in line
