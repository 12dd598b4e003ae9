"""Exported models: they answer as the trained network does, or are not written."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import keiryo
from conftest import Finished, slow_if
from keiryo.errors import InputError
from keiryo.export.agreement import TOLERANCE, answers_alike, equals, measure_agreement
from keiryo.export.onnx import encode_onnx, open_onnx
from keiryo.models.saved import MODEL_FILE, Preprocessing, SavedModel, load_model, save_model
from keiryo.models.spec import build

FAMILIES = (
    "mobilenet_v1:width=0.25",
    "mobilenet_v2:width=0.35,norm=layer",
    "vgg11:norm=batch",
    "mobilenet_v3_small:width=0.35",
    "mobilenet_v4_conv_small:width=0.25",
    "efficientnet_b0:width=0.25",
    "shufflenet_v2:width=0.5",
    "resnet18:norm=group",
    "densenet:layers=2-2,growth=4,norm=instance",
)
# Others have the same kinds of layers.
LARGER = ("vgg11:norm=batch", "mobilenet_v4_conv_small:width=0.25", "efficientnet_b0:width=0.25")
# The first value of the first image decides, which tracing cannot follow.
BRANCHES = """
import torch
from torch import nn

class Branches(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes)

    def forward(self, x):
        logits = self.layer(x.mean((2, 3)))
        return logits * 40 if x[0, 0, 0, 0] > LIMIT else logits

class Sorts(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes)

    def forward(self, x):
        return torch.linalg.svdvals(self.layer(x.mean((2, 3)))[:, None, :]) * self.layer.weight[0]
"""


def description(model: str) -> SavedModel:
    return SavedModel(
        keiryo_version="0",
        model=model,
        classes=["rose", "薔薇", "tulip"],
        preprocessing=Preprocessing(size=32, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
    )


def save(folder: Path, model: str) -> Path:
    torch.manual_seed(0)
    save_model(folder / MODEL_FILE, build(model, classes=3), description(model))
    return folder


@pytest.mark.parametrize("model", [slow_if(name in LARGER, name) for name in FAMILIES])
def test_every_family_answers_the_same_for_any_batch(model: str, tmp_path: Path) -> None:
    network, described = load_model(save(tmp_path, model) / MODEL_FILE)
    encoded = encode_onnx(network, described)
    images = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    run = open_onnx(encoded)
    found = run(images)
    guesses = keiryo.load(tmp_path).predict(list(images))
    expected = [{guess.label: guess.probability for guess in row} for row in guesses]
    for row, known in zip(found, expected, strict=True):
        assert dict(zip(described.classes, row.tolist(), strict=True)) == pytest.approx(
            known, abs=1e-5
        )
    assert run(images[:1]) == pytest.approx(found[:1], abs=1e-6)


def test_a_file_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    network, described = load_model(save(tmp_path, FAMILIES[-1]) / MODEL_FILE)
    encoded = encode_onnx(network, described)
    onnx.checker.check_model(onnx.load_from_string(encoded))
    session = onnxruntime.InferenceSession(encoded, providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("images", "tensor(uint8)", [32, 32, 3])
    assert (given.name, given.type, given.shape[-1]) == ("probabilities", "tensor(float)", 3)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == described.classes
    assert SavedModel.model_validate_json(metadata["keiryo"]) == described


def test_the_gate_finds_a_preprocessing_that_differs(tmp_path: Path) -> None:
    network, described = load_model(save(tmp_path, FAMILIES[0]) / MODEL_FILE)
    with torch.no_grad():
        network.classifier.weight.mul_(50)  # pyright: ignore
    run = open_onnx(encode_onnx(network, described))
    images = np.random.default_rng(2).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    images[..., 0] //= 3
    expected = run(images)
    labels = expected.argmax(1)
    same = measure_agreement(run(images), expected, labels, images_from="data")
    assert equals(same, 0.0)
    assert answers_alike(same, 0.0)
    assert (same.images, same.equal_labels, same.accuracy) == (40, 1.0, 1.0)
    swapped = run(np.ascontiguousarray(images[..., ::-1]))
    other = measure_agreement(swapped, expected, labels, images_from="data")
    assert not equals(other, 0.0)
    assert not answers_alike(other, 0.005)
    assert other.accuracy == other.equal_labels < 1
    assert other.trained_accuracy == 1
    low, high = other.accuracy_difference_interval or (0.0, 0.0)
    assert low < other.accuracy - 1 < high


def test_no_number_agrees_with_nothing() -> None:
    expected = np.full((2, 3), 1 / 3, np.float32)
    found = measure_agreement(expected * np.nan, expected, None, images_from="random")
    assert not equals(found, 1.0)
    assert not answers_alike(found, 1.0)
    assert found.accuracy is None


def test_what_answers_differently_is_not_written_unless_allowed(
    tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    # The first value of the image that the exporter is shown is on one side of the limit, and that
    # of a batch that the gate looks at on the other.
    (tmp_path / "mine.py").write_text(BRANCHES.replace("LIMIT", "0.0"))
    trial = save(tmp_path, f"{tmp_path}/mine.py:Branches")
    refused = keiryo("export", trial)
    assert refused.status == 2
    assert "not written, since the exported model answers differently" in refused.err
    assert not (trial / "model.onnx").exists()
    allowed = keiryo("export", trial, "--allow", "--json")
    assert allowed.status == 0
    exported = json.loads(allowed.out)
    assert exported["holds"] is False
    assert exported["agreement"]["largest_difference"] > TOLERANCE
    assert exported["agreement"]["images_from"] == "random"
    assert (trial / "model.onnx").stat().st_size == exported["size_bytes"]


def test_a_network_that_cannot_be_exported_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BRANCHES)
    model = f"{tmp_path}/mine.py:Sorts"
    network, described = load_model(save(tmp_path, model) / MODEL_FILE)
    with pytest.raises(InputError, match=r"Sorts: cannot be exported to ONNX: .*svd") as refused:
        encode_onnx(network, described)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "tflite"), "--to tflite"),
        (("--to", "onnx"), "MOVED: no such file"),
    ],
)
def test_wrong_input_is_said(
    arguments: tuple[str, ...], said: str, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    refused = keiryo("export", tmp_path / "MOVED", *arguments)
    assert refused.status == 2
    assert said in refused.err
    assert refused.err.count("\n") == 1


def test_of_several_targets_all_are_written_or_none(
    trial_folder: Path, tmp_path: Path, keiryo: Callable[..., Finished]
) -> None:
    # A model file without its comparison has no training images to calibrate integers on.
    refused = keiryo("export", trial_folder, "--to", "onnx,onnx-int8", "--out", tmp_path)
    assert refused.status == 2
    assert "calibrates on training images" in refused.err
    assert refused.err.endswith("; of onnx and onnx-int8, none was written\n")
    assert not any(tmp_path.iterdir())
