"""Folders written by keiryo before its house was rebuilt are still read and continued.

`written_before/` holds a finished and a stopped comparison (petals of 16 pixels, a small
DenseNet) and a finished and a stopped training of a WaveNet (tones), as they were written then,
without their reports and curves.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from conftest import Finished

WRITTEN_BEFORE = Path(__file__).parent / "written_before"
TRIAL = "trials/densenet-layers=1-1-growth=4-seed0"

Keiryo = Callable[..., Finished]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(WRITTEN_BEFORE / name, tmp_path / name))


def read(folder: Path, file: str) -> dict:
    return json.loads((folder / file).read_text())


def test_a_finished_comparison_is_shown_again(keiryo: Keiryo, copy: Callable[[str], Path]) -> None:
    folder = copy("finished")
    assert keiryo("report", folder).status == 0
    assert "densenet:layers=1-1,growth=4" in (folder / "report.html").read_text()
    resumed = keiryo("compare", "--resume", "--out", folder, "--json")
    assert resumed.status == 0
    then, now = read(WRITTEN_BEFORE / "finished", "results.json"), json.loads(resumed.out)
    for trial_now, trial_then in zip(now["trials"], then["trials"], strict=True):
        latency_now, latency_then = trial_now.pop("latency_ms"), trial_then.pop("latency_ms")
        assert latency_now.items() >= latency_then.items()
        assert {key: trial_now[key] for key in trial_then} == trial_then


def test_an_artifact_still_predicts(
    keiryo: Keiryo, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    answer = keiryo("predict", copy("finished") / TRIAL, tmp_path / "red.png", "--top", 5, "--json")
    assert answer.status == 0
    predictions = json.loads(answer.out)[0]["labels"]
    assert sum(found["probability"] for found in predictions) == pytest.approx(1, abs=1e-3)


def test_a_pack_and_a_trial_are_still_read(keiryo: Keiryo, copy: Callable[[str], Path]) -> None:
    folder = copy("finished")
    check = keiryo("data", "check", folder / "pack", "--json")
    assert check.status == 0
    assert json.loads(check.out)["images"] == 60
    diagnosis = keiryo("diagnose", folder / TRIAL, "--json")
    assert diagnosis.status == 0


def test_a_stopped_comparison_continues(keiryo: Keiryo, copy: Callable[[str], Path]) -> None:
    folder = copy("stopped")
    before = read(folder / TRIAL, "trial.json")["history"]
    assert 0 < len(before) < 40
    assert keiryo("compare", "--resume", "--wait-for-quiet", 0, "--out", folder).status == 0
    after = read(folder / TRIAL, "trial.json")
    assert after["status"] == "done"
    assert after["history"][: len(before)] == before
    assert [epoch["epoch"] for epoch in after["history"]] == list(range(1, 41))


def test_a_stopped_wavenet_continues(keiryo: Keiryo, copy: Callable[[str], Path]) -> None:
    folder = copy("wavenet-stopped")
    before = read(folder, "results.json")
    finished = keiryo("wavenet", "train", "--resume", "--out", folder, "--json")
    assert finished.status == 0
    after = json.loads(finished.out)
    assert after["complete"]
    assert after["history"][: len(before["history"])] == before["history"]
    assert len(after["history"]) == 40
    assert after["steps"] > before["steps"]


def test_a_finished_wavenet_still_generates(
    keiryo: Keiryo, copy: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy("wavenet-finished")
    assert keiryo("report", folder).status == 0
    sound = tmp_path / "sound.wav"
    made = keiryo(
        "wavenet",
        "generate",
        folder,
        *("--condition", "pitch=A2,timbre=reed", "--seconds", "0.1", "--out", sound),
    )
    assert made.status == 0
    assert sound.stat().st_size > 1600
    resumed = keiryo("wavenet", "train", "--resume", "--out", folder, "--json")
    before = read(WRITTEN_BEFORE / "wavenet-finished", "results.json")
    after = json.loads(resumed.out)
    data = after.pop("data")
    assert {key: data[key] for key in before["data"]} == before.pop("data")
    assert {key: after[key] for key in before} == before
    assert all(after[key] is None for key in after.keys() - before.keys())
