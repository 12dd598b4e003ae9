"""The main job, end to end, on small real images."""

import csv
import html
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from conftest import Finished, run_command, write_images
from keiryo import api
from keiryo.comparison.listener import Listener
from keiryo.comparison.plan import PACK_FOLDER, PLAN_FILE, TrialPlan, read_plan
from keiryo.comparison.trial.job import prepare_job
from keiryo.comparison.trial.trial import run_trial
from keiryo.data.survey.identity import decode_marks
from keiryo.errors import InputError
from keiryo.models.saved import read_description
from keiryo.models.tensor_file import write_tensors
from keiryo.processes import SHORT_SPINNING
from keiryo.records.comparison import Comparison, DataSummary, Trial
from keiryo.records.training import Epoch
from keiryo.train.checkpoint import Position
from keiryo.train.listener import TrainingListener

STANDARD_ERROR = 2  # its file descriptor
SMALL = ["--size", 32, "--batch", 8, "--threads", 1, "--wait-for-quiet", 0, "--engine", "torch"]
# The fastest to train and to measure: without a norm, its training loads no compiled kernels.
TINY = "densenet:layers=2-2,growth=4,norm=none"
TINY_FOLDER = "densenet-layers=2-2-growth=4-norm=none-seed0"
TWO_MODELS = ["mobilenet_v2:width=0.35", TINY]


def shown_trial(results: dict[str, object]) -> str:
    """The folder of the recommended trial, or of the most accurate one where none is."""
    return str(results["recommended_trial"] or results["most_accurate_trial"])


def run_for_real(*arguments: object) -> subprocess.Popen[str]:
    """Start the command in a process of its own, as a shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "keiryo", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory, flower_folder: Path
) -> tuple[Path, dict[str, object]]:
    """One comparison whose results several tests look at."""
    out = tmp_path_factory.mktemp("compared") / "out"
    finished = run_command(
        "compare", flower_folder, "--models", ",".join(TWO_MODELS), "--epochs", 2, *SMALL,
        "--log", "tensorboard", "--out", out, "--json",
    )  # fmt: skip
    assert finished.status == 0, finished.err
    return out, json.loads(finished.out)


def test_results_hold_every_key_that_scripts_rely_on(
    compared: tuple[Path, dict[str, object]],
) -> None:
    out, printed = compared
    results = json.loads((out / "results.json").read_text())
    assert results == printed
    assert {
        "keiryo_version", "machine", "data", "trials", "ranking", "pareto", "recommended",
    } <= results.keys()  # fmt: skip
    assert {"classes", "train_images", "val_images", "findings"} <= results["data"].keys()
    assert results["data"]["train_images"] + results["data"]["val_images"] == 48
    for trial in results["trials"]:
        assert trial["status"] == "done"
        for key in (
            "model", "seed", "parameters", "state_elements", "macs", "artifact_bytes",
            "train_seconds", "epochs", "images_per_second", "peak_memory_bytes",
            "train_accuracy", "val_accuracy", "history", "diagnosis", "val_balanced_accuracy",
            "processor_seconds", "processor_share", "others_share", "disturbed",
        ):  # fmt: skip
            assert trial[key] is not None, key
        latency = trial["latency_ms"]
        assert 0 < latency["best"] <= latency["spread"][0] <= latency["p50"] <= latency["p95"]
        assert {"disturbed", "others_share"} <= latency.keys()
        assert len(trial["history"]) == trial["epochs"] == 2
        assert trial["val_accuracy"] == trial["history"][-1]["val_accuracy"]
        model = read_description(out / trial["folder"] / "model.safetensors")
        assert model.trained_on is not None
        assert len(decode_marks(model.trained_on)) == results["data"]["train_images"]
    assert sorted(results["ranking"]) == sorted(TWO_MODELS)
    assert results["most_accurate"] == results["ranking"][0]
    assert {each["name"] for each in results["candidates"]} == set(TWO_MODELS)
    for trial in results["trials"]:
        analysis = trial["analysis"]
        right = analysis["images"] - analysis["errors"]
        assert right / analysis["images"] == pytest.approx(trial["val_accuracy"])
    table = (out / "results.csv").read_text().splitlines()
    assert len(table) == 3
    assert table[0].startswith("model,seed,fold,status,val_accuracy")


def test_the_report_stands_alone(compared: tuple[Path, dict[str, object]]) -> None:
    out, _ = compared
    page = (out / "report.html").read_text(encoding="utf-8")
    body = page[page.rindex("</style>") :]
    assert len(page) - sum(map(len, re.findall(r"data:image/[^\"]*", page))) < 700_000
    assert body.count("src=") == body.count('src="data:image/jpeg;base64,')
    assert body.count("href=") == body.count('href="data:image/png;base64,')
    assert 'id="budgets"' in body
    assert 'id="answers"' in body
    assert "recommended" in body.lower()
    for text in (*TWO_MODELS, "keiryo predict", "cores"):
        assert text in body
    for name in ("mobilenet_v2-width=0.35-seed0", TINY_FOLDER):
        with Image.open(out / "curves" / f"{name}.png") as curve:
            assert curve.width > 500


def test_trials_are_logged_to_tensorboard(compared: tuple[Path, dict[str, object]]) -> None:
    out, _ = compared
    for trial in Comparison.model_validate_json((out / "results.json").read_bytes()).trials:
        run = out / "tensorboard" / Path(trial.folder).name
        events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
        logged = [point.value for point in events.Scalars("epoch/val_loss")]
        assert logged == pytest.approx([epoch.val_loss for epoch in trial.history], abs=1e-4)
        assert events.Scalars("trial/latency_ms/p50")[0].value > 0


def test_the_winner_labels_new_images(
    compared: tuple[Path, dict[str, object]], keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out, printed = compared
    folder = write_images(tmp_path / "new 花", classes=2, each=1, size=90)
    images = sorted(folder.rglob("*.jpg"))
    trial = out / shown_trial(printed)
    finished = keiryo("predict", trial, *images, "--top", 2, "--json")
    assert finished.status == 0
    answers = json.loads(finished.out)
    assert [answer["image"] for answer in answers] == [str(image) for image in images]
    assert [len(answer["labels"]) for answer in answers] == [2, 2]
    plain = keiryo("predict", trial, images[0])
    assert plain.out.startswith(f"{images[0]}: ")
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    assert keiryo("predict", trial, broken).status == 2


def test_a_trial_is_exported_and_compared_on_its_held_out_images(
    compared: tuple[Path, dict[str, object]], tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    out, results = compared
    trials: list[dict[str, object]] = results["trials"]  # pyright: ignore
    trial = out / str(trials[0]["folder"])
    exported = keiryo("export", trial, "--out", tmp_path)
    assert exported.status == 0
    assert "held-out images, read anew from the data: 100.0% get the same class" in exported.out
    assert (tmp_path / "model.onnx").exists()
    refused = keiryo("export", trial, "--out", tmp_path)
    assert (refused.status, "--force" in refused.err) == (2, True)
    again = keiryo("export", trial, "--out", tmp_path, "--force", "--json")
    agreement = json.loads(again.out)["agreement"]
    assert agreement["images_from"] == "data"
    assert agreement["accuracy"] == agreement["trained_accuracy"] == trials[0]["val_accuracy"]
    low, high = agreement["accuracy_difference_interval"]
    assert low < 0 < high
    rounded = json.loads(keiryo("export", trial, "--to", "onnx-int8", "--json").out)
    assert rounded["holds"] is True
    assert rounded["size_bytes"] < 0.4 * (tmp_path / "model.onnx").stat().st_size
    assert rounded["agreement"]["exact_accuracy"] is not None
    # After two epochs it may be no better than the largest class, and none is then recommended.
    if results["recommended"] is None:
        refused = keiryo("export", out, "--out", tmp_path / "recommended", "--json")
        assert f"such as {out / shown_trial(results)}" in refused.err
    else:
        recommended = keiryo("export", out, "--out", tmp_path / "recommended", "--json")
        assert json.loads(recommended.out)["model"] == results["recommended"]


def test_every_snippet_of_the_report_runs(
    compared: tuple[Path, dict[str, object]],
    keiryo: Callable[..., Finished],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, printed = compared
    image = next(write_images(tmp_path / "new", classes=1, each=1).rglob("*.jpg"))
    page = (out / "report.html").read_text(encoding="utf-8")
    snippets = [html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    shell, python = (text.replace("IMAGE.jpg", str(image)) for text in snippets)
    assert keiryo(*shlex.split(shell)[1:]).out.startswith(f"{image}: ")
    exec(python, {})
    assert "Guess(label=" in capsys.readouterr().out
    # The comparison's folder stands for the trial that it recommends.
    whole = keiryo("predict", out, image)
    if printed["recommended"] is None:
        assert f"such as {out / shown_trial(printed)}" in whole.err
    else:
        assert whole.out == keiryo("predict", out / shown_trial(printed), image).out


def test_the_report_can_be_made_again(
    compared: tuple[Path, dict[str, object]], keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out, _ = compared
    shutil.copy(out / "results.json", tmp_path)
    assert keiryo("report", tmp_path, "--lang", "ja").status == 0
    assert '<html lang="ja">' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert keiryo("report", tmp_path, "--lang", "ja", "--format", "csv").status == 2
    assert keiryo("report", tmp_path / "absent").status == 2


def test_nothing_is_overwritten_and_done_trials_are_not_run_again(
    compared: tuple[Path, dict[str, object]], keiryo: Callable[..., Finished]
) -> None:
    out, printed = compared
    arguments = ["compare", "petals", "--models", "resnet18", "--epochs", 1, "--out", out]
    refused = keiryo(*arguments)
    assert refused.status == 2
    assert "--resume" in refused.err
    written = (out / "trials" / TINY_FOLDER / "model.safetensors").stat().st_mtime_ns
    resumed = keiryo("compare", "--resume", "--measure-again", "--out", out, "--json")
    assert resumed.status == 0
    again = json.loads(resumed.out)
    assert [t["val_accuracy"] for t in again["trials"]] == [
        t["val_accuracy"] for t in printed["trials"]
    ]
    assert all(
        now["latency_ms"] != then["latency_ms"]
        for now, then in zip(again["trials"], printed["trials"], strict=True)
    )
    assert (out / "trials" / TINY_FOLDER / "model.safetensors").stat().st_mtime_ns == written
    changed = keiryo("compare", "--resume", "--epochs", 3, "--out", out)
    assert changed.status == 2
    assert "--epochs 3" in changed.err


def train_whole(stopped: Path, out: Path) -> Trial:
    """Train the trial of a comparison that was stopped anew, in this process and without a stop."""
    out.mkdir()
    shutil.copy(stopped / PLAN_FILE, out)
    shutil.copytree(stopped / PACK_FOLDER, out / PACK_FOLDER)
    plan = read_plan(out)
    (planned,) = plan.trials()
    (out / planned.folder).mkdir(parents=True)
    return run_trial(prepare_job(out, plan, planned), lambda _: TrainingListener(), until=1.0)


def without_times(history: list[Epoch]) -> list[dict[str, float]]:
    return [epoch.model_dump(exclude={"seconds"}) for epoch in history]


TRAINS = re.compile("epoch [2-9]")


@contextmanager
def interrupted_in_training() -> Iterator[None]:
    """Interrupt this process, as Ctrl-C does, once its command has trained for a while."""
    has_ended = threading.Event()

    def interrupt() -> None:
        while not has_ended.wait(0.05):
            with suppress(OSError):  # until the command begins, this may be a pipe
                if TRAINS.search(os.pread(STANDARD_ERROR, 1 << 20, 0).decode()):
                    os.kill(os.getpid(), signal.SIGINT)
                    return

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


def kill_in_training(process: subprocess.Popen[str]) -> None:
    """Kill the process once it has trained for a while."""
    assert process.stderr is not None
    for line in process.stderr:
        if TRAINS.search(line):
            break
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_what_was_interrupted_and_killed_goes_on_to_the_same_bits(
    flower_folder: Path, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    out = tmp_path / "out"
    trial = Path("trials", "mobilenet_v1-width=0.25-seed0")
    with interrupted_in_training():
        interrupted = run_command(
            "compare", flower_folder, "--models", "mobilenet_v1:width=0.25", "--epochs", 12,
            *SMALL, "--out", out,
        )  # fmt: skip
    assert interrupted.status == 130
    results = json.loads((out / "results.json").read_text())
    assert results["complete"] is False
    assert [trial["status"] for trial in results["trials"]] == ["stopped"]
    assert (out / "report.html").exists()
    assert (out / trial / "checkpoint.safetensors").exists()

    kill_in_training(run_for_real("compare", "--resume", "--out", out))

    def is_running() -> bool:
        listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        return f"trial.process {out}" in listing.stdout

    wait_for(lambda: not is_running(), seconds=20)
    resumed = keiryo("compare", "--resume", "--out", out, "--json")
    assert resumed.status == 0
    whole = train_whole(out, tmp_path / "whole")
    (finished,) = Comparison.model_validate_json(resumed.out).trials
    assert without_times(finished.history) == without_times(whole.history)
    weights = [folder / trial / "model.safetensors" for folder in (out, tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert not (out / trial / "checkpoint.safetensors").exists()


class KilledBetweenRungs(Listener):
    def trial_dropped(self, planned: TrialPlan, trial: Trial) -> None:
        raise KeyboardInterrupt


class KilledBeforeTrials(Listener):
    train_images, val_images = 0, 0
    codes: set[str] = set()

    def data_ready(self, data: DataSummary) -> None:
        self.codes = {finding.code for finding in data.findings}
        self.train_images, self.val_images = data.train_images, data.val_images

    def trial_started(self, trial: TrialPlan, number: int, total: int) -> None:
        raise KeyboardInterrupt


def test_the_worse_half_is_stopped_early_and_the_others_come_to_the_same_bits(
    compared: tuple[Path, dict[str, object]],
    flower_folder: Path,
    tmp_path: Path,
    keiryo: Callable[..., Finished],
) -> None:
    whole, _ = compared
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        api.compare(
            flower_folder, TWO_MODELS, epochs=2, size=32, batch=8, threads=1,
            wait_for_quiet=0.0, stop_early=True, engine="torch", out=out,
            listener=KilledBetweenRungs(),
        )  # fmt: skip
    finished = keiryo("compare", "--resume", "--stop-early", "--out", out)
    assert finished.status == 0

    results = json.loads((out / "results.json").read_text())
    assert results["complete"] is True
    dropped, done = sorted(results["trials"], key=lambda trial: trial["dropped_at"] is None)
    assert (dropped["status"], done["status"]) == ("stopped", "done")
    assert results["ranking"] == results["pareto"] == [done["model"]]
    assert results["most_accurate"] == done["model"]
    assert (dropped["dropped_at"], done["dropped_at"]) == (0.5, None)
    # What one epoch of two has come to, neither trained again nor further, is judged as that.
    assert [epoch["epoch"] for epoch in dropped["history"]] == [1]
    assert not {"too_short", "stuck_at_chance"} & {f["code"] for f in dropped["diagnosis"]}
    assert dropped["pauses"] == [
        {"share": 0.5, "val_accuracy": dropped["history"][0]["val_accuracy"]}
    ]
    left = {path.name for path in (out / dropped["folder"]).iterdir()}
    assert left == {"trial.json", "snapshots.json", "log.txt"}
    weights = [folder / done["folder"] / "model.safetensors" for folder in (out, whole)]
    assert weights[0].read_bytes() == weights[1].read_bytes()

    because = dropped["dropped_because"]
    assert because.startswith("stopped early at 50 % of its training: ")
    with (out / "results.csv").open(newline="") as table:
        rows = {row["model"]: row for row in csv.DictReader(table)}
    assert rows[dropped["model"]]["dropped_because"] == because
    assert (rows[done["model"]]["dropped_at"], rows[done["model"]]["dropped_because"]) == ("", "")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"<b>{dropped['model']}</b> {because}." in page
    assert "a little too good" in page
    assert f"{dropped['model']} {because}" in finished.out
    assert f"{dropped['model']}: stopped at 50 %" in finished.out
    assert because in keiryo("diagnose", out / dropped["folder"]).out


FALLING = """
import torch
from torch import nn

class Network(nn.Module):
    def __init__(self, classes, factor):
        super().__init__()
        self.layer = nn.Linear(3 * 32 * 32, classes)
        self.factor = factor

    def forward(self, x):
        return self.layer(x.flatten(1)) * self.factor

def steady(classes):
    return Network(classes, 1.0)

def wide(classes):
    return Network(classes, 2.0)

def broken(classes):
    return Network(classes, float("nan"))
"""


@pytest.mark.slow  # a dozen processes
def test_a_candidate_that_fails_is_dropped_first_and_no_rung_is_decided_twice(
    flower_folder: Path, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FALLING)
    out = tmp_path / "out"
    models = ",".join(f"{mine}:{name}" for name in ("broken", "steady", "wide"))
    process = run_for_real(
        "compare", flower_folder, "--models", models, "--minutes", 0.05, "--seeds", 2, *SMALL,
        "--stop-early", "--out", out,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "2 candidates to 50 %" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    decided = json.loads((out / "halving.json").read_text())["decisions"]
    assert [list(decision["dropped"]) for decision in decided] == [[f"{mine}:broken"]]

    finished = keiryo("compare", "--resume", "--out", out, "--json")
    assert finished.status == 0
    results = json.loads(finished.out)
    assert results["complete"] is True
    status = {
        name: {t["status"] for t in results["trials"] if t["model"].endswith(name)}
        for name in ("broken", "steady", "wide")
    }
    assert status.pop("broken") == {"failed"}
    assert sorted(status.values(), key=str) == [{"done"}, {"stopped"}]
    assert len(results["ranking"]) == 1
    assert json.loads((out / "halving.json").read_text())["decisions"][:1] == decided


CRASHERS = """
import os

from torch import nn

class Crashes(nn.Module):
    def __init__(self, classes, how):
        super().__init__()
        self.layer = nn.Linear(3 * 32 * 32, classes)
        self.how = how

    def forward(self, x):
        if x.device.type != "meta":
            print("going down,", os.environ["GOMP_SPINCOUNT"], flush=True)
            self.how()
        return self.layer(x.flatten(1))

def explode():
    raise RuntimeError("the boiler burst")

def raising(classes):
    return Crashes(classes, explode)

def killed(classes):
    return Crashes(classes, lambda: os.kill(os.getpid(), 9))
"""


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A comparison in which images and models are at fault; and how the command ended."""
    root = tmp_path_factory.mktemp("rough")
    folder = write_images(root / "my set", classes=2, each=10)
    image = Image.open(folder / "daisy" / "000.jpg")
    whole = (folder / "daisy" / "001.jpg").read_bytes()
    (folder / "daisy" / "cut off.jpg").write_bytes(whole[:400])
    (folder / "daisy" / "text.jpg").write_text("no image")
    (folder / "daisy" / "zero.jpg").write_bytes(b"")
    (folder / "daisy" / "写真 'é\".png").write_bytes((folder / "daisy" / "002.jpg").read_bytes())
    image.convert("CMYK").save(folder / "daisy" / "print.jpg")
    image.convert("I;16").save(folder / "dandelion" / "deep.png")
    image.convert("P").save(folder / "dandelion" / "palette.gif")
    image.save(folder / "dandelion" / "moving.gif", save_all=True, append_images=[image.rotate(90)])
    image.resize((1, 1)).save(folder / "dandelion" / "dot.png")
    (folder / "rose").mkdir()
    image.rotate(180).save(folder / "rose" / "only.png")
    mine = root / "mine.py"
    mine.write_text(CRASHERS)
    models = f"{mine}:raising,{mine}:killed,{TINY},resnet18"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        finished = run_command(
            "compare", folder, "--models", models, "--epochs", 1, *SMALL,
            "--max-params", 2_000_000, "--out", root / "out", "--resume",
        )  # fmt: skip
    return root / "out", finished


def test_a_trial_that_crashes_is_reported_and_the_others_go_on(
    rough: tuple[Path, Finished],
) -> None:
    out, finished = rough
    assert finished.status == 0
    raised, killed, done, spared = json.loads((out / "results.json").read_text())["trials"]
    assert raised["status"] == killed["status"] == "failed"
    assert "the boiler burst" in raised["error"]
    assert "killed" in killed["error"]
    # Its threads spin only for a moment while they wait for each other.
    assert f"going down, {SHORT_SPINNING['GOMP_SPINCOUNT']}" in killed["error"]
    assert done["status"] == "done"
    # What is over a limit that is known before is not trained.
    assert (spared["epochs"], spared["dropped_at"]) == (None, 0.0)
    assert "parameters are over --max-params 2,000,000" in spared["dropped_because"]
    assert "resnet18 was not trained" in finished.out
    assert "the boiler burst" in (out / "report.html").read_text(encoding="utf-8")


def test_a_comparison_does_not_go_on_with_other_images(
    tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    folder = write_images(tmp_path / "set", classes=2, each=8)
    out = tmp_path / "out"

    def compare(force: bool) -> KilledBeforeTrials:
        listener = KilledBeforeTrials()
        with pytest.raises(KeyboardInterrupt):
            api.compare(folder, [TINY], epochs=1, size=32, out=out, force=force, listener=listener)
        return listener

    before = compare(force=False)
    assert (before.train_images, before.val_images) == (12, 4)
    image, other = (folder / "daisy" / name for name in ("000.jpg", "001.jpg"))
    image.write_bytes(other.read_bytes())
    refused = keiryo("compare", "--resume", "--out", out)
    assert refused.status == 2
    assert "has changed (1 image new, 1 image no longer there)" in refused.err
    image.unlink()
    listener = KilledBeforeTrials()
    with pytest.raises(KeyboardInterrupt):
        api.compare(out=out, resume=True, listener=listener)
    # The pack holds it.
    assert "data_partly_away" in listener.codes
    assert (listener.train_images, listener.val_images) == (12, 4)
    anew = compare(force=True)
    assert anew.train_images + anew.val_images == 15


def test_a_comparison_goes_on_with_images_that_were_touched_moved_or_are_away(
    tmp_path: Path,
) -> None:
    folder = write_images(tmp_path / "set", classes=2, each=8)
    (folder / "daisy" / "damaged.jpg").write_bytes(b"no image")
    out = folder / "comparison"  # which is no class of theirs
    begin = KilledBeforeTrials()
    with pytest.raises(KeyboardInterrupt):
        api.compare(folder, [TINY], epochs=1, size=32, out=out, listener=begin)
    pixels = (out / "pack" / "images.npy").stat().st_mtime_ns

    def codes(out: Path, data: Path | None = None) -> set[str]:
        listener = KilledBeforeTrials()
        with pytest.raises(KeyboardInterrupt):
            api.compare(data, out=out, resume=True, listener=listener)
        assert (listener.train_images, listener.val_images) == (12, 4)
        assert (out / "pack" / "images.npy").stat().st_mtime_ns == pixels
        return listener.codes

    (folder / "daisy" / "000.jpg").touch()
    (folder / "daisy" / "001.jpg").rename(folder / "daisy" / "renamed.jpg")
    assert "data_away" not in codes(out)
    out = Path(shutil.copytree(out, tmp_path / "out"))
    moved = folder.rename(tmp_path / "moved")
    assert "data_away" in codes(out)
    assert "data_away" not in codes(out, moved)
    with pytest.raises(InputError, match="has changed"):
        api.compare(write_images(tmp_path / "other", classes=2, each=9), out=out, resume=True)


def test_a_messy_folder_is_trained_on_and_its_mess_listed(rough: tuple[Path, Finished]) -> None:
    out, finished = rough
    assert finished.status == 0  # there was nothing to resume, so it began
    assert "class 'rose' has only one image" in finished.err.replace("\n", " ")
    assert "class &#39;rose&#39; has only one image" in (out / "report.html").read_text()
    data = json.loads((out / "results.json").read_text())["data"]
    listed = {finding["code"]: finding["files"] for finding in data["findings"]}
    assert len(listed["unreadable"]) == 3
    assert listed["cmyk"] == ["daisy/print.jpg"]
    assert listed["fewer_bits"] == ["dandelion/deep.png"]
    assert listed["animated"] == ["dandelion/moving.gif"]
    assert listed["tiny"] == ["dandelion/dot.png"]
    assert listed["wrong_suffix"] == ["daisy/写真 'é\".png"]
    assert data["train_images"] + data["val_images"] == 20 + 6 + 1
    assert not list(out.rglob(".*"))


@pytest.mark.slow  # other tests run `keiryo train` for what they look at
def test_train_is_a_comparison_of_one(
    flower_folder: Path, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    out = tmp_path / "out"
    finished = keiryo(
        "train", TINY, flower_folder, "--epochs", 1, "--seeds", 2,
        *SMALL, "--out", out, "--json",
    )  # fmt: skip
    assert finished.status == 0
    results = json.loads(finished.out)
    assert [trial["seed"] for trial in results["trials"]] == [0, 1]
    assert results["most_accurate"] == TINY


def test_a_trial_is_explained_by_what_was_seen_of_it(
    compared: tuple[Path, dict[str, object]], keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out, results = compared
    for trial in results["trials"]:
        said = keiryo("diagnose", out / trial["folder"], "--layers")
        assert said.status == 0
        assert trial["model"] in said.out
        assert "gradient norm" in said.out
        for finding in trial["diagnosis"]:
            assert finding["code"] in said.out
        record = json.loads(keiryo("diagnose", out / trial["folder"], "--json").out)
        assert record["snapshots"][0]["layers"][0]["gradient_norm"] > 0
    assert 'id="gradients-1"' in (out / "report.html").read_text(encoding="utf-8")
    for folder in (out, tmp_path):
        wrong = keiryo("diagnose", folder)
        assert wrong.status == 2
        assert f"{folder}: not the folder of a trial" in wrong.err


def test_a_trial_that_was_killed_is_explained_by_its_checkpoint(
    compared: tuple[Path, dict[str, object]], keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    out, results = compared
    killed = shutil.copytree(out, tmp_path / "killed")
    trial = killed / results["trials"][0]["folder"]
    (trial / "trial.json").unlink()
    unknown = keiryo("diagnose", trial)
    assert (unknown.status, unknown.err.count("\n")) == (2, 1)
    assert "no checkpoint" in unknown.err
    position = Position(history=[Epoch.model_validate(results["trials"][0]["history"][0])])
    write_tensors(trial / "checkpoint.safetensors", {}, position.model_dump_json())
    said = keiryo("diagnose", trial)
    assert said.status == 0
    assert "stopped, 1 epoch" in said.out
