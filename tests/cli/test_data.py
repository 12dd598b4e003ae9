"""`keiryo data` and what `keiryo compare` makes of its findings."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from conftest import Finished, run_command, write_images

Command = Callable[..., Finished]
# The fastest to train and to measure: without a norm, its training loads no compiled kernels.
TINY = "densenet:layers=2-2,growth=4,norm=none"
QUICK = ["--models", TINY, "--size", 32, "--batch", 8, "--threads", 1, "--wait-for-quiet", 0]
QUICK += ["--engine", "torch"]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a split of its own, in which much is wrong; not to be changed."""
    root = tmp_path_factory.mktemp("troubled") / '花 & <b>"more"</b>'
    for split, each in (("train", 14), ("val", 6)):
        write_images(root / split, classes=3, each=each, size=80)
    for label in ("daisy", "rose"):
        # The drawings of both splits begin alike, so those of val are drawn anew.
        for path in (root / "val" / label).iterdir():
            path.unlink()
    shutil.rmtree(root / "val")
    fresh = write_images(tmp_path_factory.mktemp("fresh"), classes=3, each=20, size=80)
    for path in sorted(fresh.glob("*/01[4-9].jpg")):
        target = root / "val" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    # Of the training images, one is in val as it is, and one saved anew.
    shutil.copy(root / "train" / "daisy" / "000.jpg", root / "val" / "daisy" / "same.jpg")
    again = Image.open(root / "train" / "rose" / "001.jpg").resize((70, 70))
    again.save(root / "val" / "rose" / "again.jpg", quality=60)
    # One stands under two classes; one is in another format; one is cut off.
    shutil.copy(root / "train" / "rose" / "002.jpg", root / "train" / "daisy" / "rose.jpg")
    Image.open(root / "train" / "rose" / "003.jpg").save(root / "train" / "rose" / "copy.png")
    whole = (root / "train" / "rose" / "004.jpg").read_bytes()
    (root / "train" / "rose" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return root


def test_a_check_finds_all_that_is_wrong(keiryo: Command, troubled: Path) -> None:
    finished = keiryo("data", "check", troubled, "--json")
    assert finished.status == 0
    check = json.loads(finished.out)
    assert check["images"] == 3 * 14 + 3 * 6 + 4
    assert sum(check["classes"].values()) == check["images"]
    assert check["splits"] == {"train": 44, "val": 20}
    assert [entry["file"] for entry in check["unreadable"]] == ["train/rose/cut.jpg"]
    copies = [set(group["files"]) for group in check["exact_copies"]]
    assert {"train/daisy/000.jpg", "val/daisy/same.jpg"} in copies
    assert {"train/rose/003.jpg", "train/rose/copy.png"} in copies
    (conflict,) = check["label_conflicts"]
    assert set(conflict["files"]) == {"train/rose/002.jpg", "train/daisy/rose.jpg"}
    leaks = {group["files"][1]: group for group in check["split_leaks"]}
    assert leaks["val/daisy/same.jpg"]["distance"] == 0
    assert leaks["val/rose/again.jpg"]["files"][0] == "train/rose/001.jpg"
    assert 0 < leaks["val/rose/again.jpg"]["distance"] <= 30
    assert len(leaks) == 2
    codes = {finding["code"] for finding in check["findings"]}
    assert {"label_conflict", "split_leak", "unreadable", "exact_copies"} <= codes


def test_the_terminal_and_the_page_say_the_same(
    keiryo: Command, troubled: Path, tmp_path: Path
) -> None:
    finished = keiryo("data", "check", troubled, "--html", "--out", tmp_path, "--strict")
    assert finished.status == 2
    assert "error: 1 image stands under more than one class." in finished.out
    assert "train/rose/001.jpg (train)  =  val/rose/again.jpg (val)" in finished.out
    page = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert "label_conflict" in page
    assert page.count('src="data:image/jpeg;base64,') >= 6
    # What names hold is shown, not obeyed.
    assert "<b>&#34;more" not in page
    assert '<b>"more' not in page
    again = keiryo("data", "check", troubled, "--html", "--out", tmp_path)
    assert again.status == 2
    assert "--force" in again.err


def test_finding_nothing_is_said_and_strict_is_content(keiryo: Command) -> None:
    finished = keiryo("data", "check", "digits", "--strict")
    assert finished.status == 0
    assert "Nothing found." in finished.out


def test_a_pack_is_made_and_checked(keiryo: Command, troubled: Path, tmp_path: Path) -> None:
    made = keiryo(
        "data", "pack", troubled, "--size", 24, "--fit", "letterbox", "--out", tmp_path / "p"
    )
    assert made.status == 0
    assert "64 images of 24 x 24 by --fit letterbox" in made.out
    assert "1 could not be read" in made.err
    of_pack = json.loads(keiryo("data", "check", tmp_path / "p", "--json").out)
    of_folder = json.loads(keiryo("data", "check", troubled, "--json").out)
    for key in ("images", "exact_copies", "near_copies", "split_leaks", "unreadable"):
        assert of_pack[key] == of_folder[key], key
    assert keiryo("data", "pack", troubled, "--out", tmp_path / "p").status == 2


@pytest.fixture(scope="module")
def packed(troubled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pack = tmp_path_factory.mktemp("packed") / "pack"
    made = run_command("data", "pack", troubled, "--size", 32, "--fit", "letterbox", "--out", pack)
    assert made.status == 0, made.err
    return pack


@pytest.fixture(scope="module")
def compared(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison on a pack: neither --size nor --fit is given."""
    from keiryo import api

    out = tmp_path_factory.mktemp("compared") / "out"
    api.compare(
        packed, ["mobilenet_v1:width=0.25"], epochs=2, batch=8, threads=2, robust=True, out=out,
        wait_for_quiet=0.0, engine="torch",
    )  # fmt: skip
    return out


def test_a_comparison_leaves_leaks_out_and_says_what_they_would_change(compared: Path) -> None:
    results = json.loads((compared / "results.json").read_text())
    assert results["data"]["val_images"] == 18
    assert results["data"]["leaked_images"] == 2
    (trial,) = results["trials"]
    hits = trial["val_accuracy"] * 18
    with_leaks = trial["val_accuracy_with_leaks"] * 20
    assert hits == pytest.approx(round(hits))
    assert with_leaks == pytest.approx(round(with_leaks))
    assert 0 <= with_leaks - hits <= 2.0001
    assert "with leaked images" in (compared / "report.html").read_text(encoding="utf-8")


def test_robustness_is_measured_at_three_strengths(compared: Path) -> None:
    (trial,) = json.loads((compared / "results.json").read_text())["trials"]
    assert set(trial["robustness"]) == {"noise", "blur", "jpeg", "brightness", "shift"}
    accuracies = [value for values in trial["robustness"].values() for value in values]
    assert len(accuracies) == 15
    assert trial["robust_accuracy"] == pytest.approx(sum(accuracies) / 15)
    assert "Accuracy on corrupted images" in (compared / "report.html").read_text(encoding="utf-8")


def test_the_fit_goes_with_the_model(compared: Path) -> None:
    import keiryo

    (trial,) = json.loads((compared / "results.json").read_text())["trials"]
    predictor = keiryo.load(compared / trial["folder"])
    assert predictor.description.preprocessing.fit == "letterbox"


def test_labels_in_doubt_are_listed(compared: Path) -> None:
    results = json.loads((compared / "results.json").read_text())
    assert results["suspects_among"] == 18
    for suspect in results["suspect_labels"]:
        assert suspect["label"] != suspect["suggested"]
        assert suspect["label_probability"] <= suspect["suggested_probability"]
    assert "Labels that may be wrong" in (compared / "report.html").read_text(encoding="utf-8")


def test_a_split_of_its_own_has_no_folds(keiryo: Command, troubled: Path, tmp_path: Path) -> None:
    finished = keiryo("compare", troubled, *QUICK, "--folds", 2, "--out", tmp_path / "out")
    assert finished.status == 2
    assert "--folds 2" in finished.err


def test_a_pack_brings_its_size_and_fit(
    keiryo: Command, packed: Path, compared: Path, tmp_path: Path
) -> None:
    data = json.loads((compared / "results.json").read_text())["data"]
    assert (data["size"], data["fit"]) == (32, "letterbox")
    arguments = ["compare", packed, "--models", "mobilenet_v1:width=0.25", "--epochs", 1]
    refused = keiryo(*arguments, "--fit", "crop", "--out", tmp_path / "out")
    assert refused.status == 2
    assert "--fit crop" in refused.err
