"""What `keiryo compare` chooses, shows beforehand and shares out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Finished

Keiryo = Callable[..., Finished]


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    flower_folder: Path, keiryo: Keiryo, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [
        "compare",
        flower_folder,
        "--dry-run",
        "--out",
        out,
        "--models",
        "mobilenet_v2,resnet18",
    ]
    command += ["--minutes", 1, "--seeds", 2, "--max-params", 5_000_000]
    preview = json.loads(keiryo(*command, "--json").out)
    assert not out.exists()
    assert preview["train_images"] + preview["held_out_images"] == preview["images"]
    assert preview["chosen"].keys() == {"size", "batch"}
    first, second = preview["candidates"]
    assert first["train_seconds"] == 60
    assert first["memory_bytes"] > 4 * 4 * first["parameters"]
    assert "--max-params" in second["not_trained_because"]
    assert preview["total_seconds"] > 2 * 60  # of one model, and its latency
    table = keiryo(*command)
    assert "not trained" in table.out
    assert "Chosen: --batch 8" in table.err
    assert not out.exists()
    refused = keiryo("compare", "--dry-run", "--resume", "--out", out)
    assert refused.status == 2
    assert "leave --resume out" in refused.err


def test_a_comparison_shares_out_its_minutes_and_keeps_what_it_chose(
    flower_folder: Path, keiryo: Keiryo, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    finished = keiryo(
        *(
            "compare",
            flower_folder,
            "--out",
            out,
            "--models",
            "mobilenet_v1:width=0.25",
            "--threads",
            1,
        ),
        *("--total-minutes", 0.1, "--size", 32, "--wait-for-quiet", 0),
    )
    assert finished.status == 0, finished.err
    plan = json.loads((out / "plan.json").read_text())
    assert plan["chosen"] == ["batch"]
    assert plan["batch"] == 8
    assert plan["minutes"] == pytest.approx(0.01)  # a tenth, since starting took longer
    results = json.loads((out / "results.json").read_text())
    assert results["minutes"] == plan["minutes"]
    assert results["trials"][0]["status"] == "done"
