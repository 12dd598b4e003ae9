"""`keiryo predict --explain`: a file for each image, or a line that says why there is none."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from conftest import Finished, write_images
from keiryo.explanation.writing import SHOWN_SIDE
from keiryo.export.onnx import encode_onnx
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, load_model, save_model
from keiryo.models.spec import build

Keiryo = Callable[..., Finished]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images of the same name, and one that cannot be read."""
    folder = write_images(tmp_path / "images", classes=2, each=1)
    (folder / "broken.jpg").write_bytes(b"none")
    return folder


def test_each_image_gets_a_file_beside_its_label(
    keiryo: Keiryo, trial_folder: Path, images: Path, tmp_path: Path
) -> None:
    heat = tmp_path / "heat maps"
    arguments = ("predict", trial_folder, images, "--explain", heat, "--explain-class", "薔薇")
    done = keiryo(*arguments, "--json")
    assert done.status == 2
    assert "broken.jpg" in done.err
    broken, *answers = sorted(json.loads(done.out), key=lambda one: "error" not in one)
    assert "explanation" not in broken
    assert {path.name for path in heat.iterdir()} == {"000.png", "000-2.png"}
    plain = json.loads(keiryo("predict", trial_folder, images, "--json").out)
    expected = {one["image"]: one["labels"][0] for one in plain if one["labels"]}
    for answer in answers:
        label = expected[answer["image"]]["label"]
        assert answer["labels"][0]["label"] == label
        found = answer["explanation"]
        assert found["labels"] == list(dict.fromkeys([label, "薔薇"]))
        assert min(found["map_size"]) >= 1
        with Image.open(found["file"]) as sheet:
            assert sheet.format == "PNG"
            assert sheet.width >= (1 + len(found["labels"])) * SHOWN_SIDE
    refused = keiryo(*arguments)
    assert (refused.status, "is not empty; replace files" in refused.err) == (2, True)
    again = keiryo(*arguments, "--force", "--csv")
    rows = list(csv.DictReader(io.StringIO(again.out)))
    assert {row["explanation"] for row in rows} == {
        "",
        str(heat / "000.png"),
        str(heat / "000-2.png"),
    }


def test_wrong_input_is_said_before_anything_is_written(
    keiryo: Keiryo, trial_folder: Path, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def net(classes): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, classes))\n"
    )
    description = SavedModel(
        keiryo_version="0",
        model=f"{tmp_path}/mine.py:net",
        classes=["a", "b"],
        preprocessing=Preprocessing(size=8, mean=(0.5,) * 3, std=(0.2,) * 3),
    )
    torch.manual_seed(0)
    save_model(tmp_path / MODEL_FILE, build(description.model, classes=2), description)
    heat = tmp_path / "heat"
    for arguments, said in (
        ((trial_folder, images, "--explain-class", "rose"), "--explain-class rose: only with"),
        ((trial_folder, images, "--force"), "--force: only with --explain DIR"),
        (
            (trial_folder, images, "--explain", heat, "--explain-class", "roses"),
            "--explain-class roses: the model has no such class; did you mean rose?",
        ),
        (
            (tmp_path / MODEL_FILE, images, "--explain", heat),
            "mine.py:net has no feature map with places in the image; leave it out",
        ),
        ((trial_folder, images, "--explain", tmp_path / "mine.py"), "mine.py: is a file"),
    ):
        refused = keiryo("predict", *arguments)
        assert refused.status == 2
        assert said in refused.err
        assert not refused.out
        assert refused.err.count("\n") == 1
    assert not heat.exists()


def test_an_exported_model_is_not_explained(
    keiryo: Keiryo, trial_folder: Path, images: Path, tmp_path: Path
) -> None:
    exported = tmp_path / "model.onnx"
    exported.write_bytes(encode_onnx(*load_model(trial_folder / MODEL_FILE)))
    done = keiryo("predict", exported, images / "0.jpg", "--explain", tmp_path / "heat")
    assert (done.status, "give the folder of its trial" in done.err) == (2, True)
    assert not (tmp_path / "heat").exists()
