"""OpenVINO's files: the same answers as the network's, run by the runtime and by `keiryo.load`."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import keiryo
import keiryo_runtime
from keiryo.errors import InputError
from keiryo.export.onnx import open_onnx
from keiryo.export.targets import TARGETS, find_target
from keiryo.export.trained import TrainedNetwork
from keiryo.files import bytes_of
from keiryo.models.saved import MODEL_FILE, load_model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(trial_folder: Path, images: np.ndarray) -> TrainedNetwork:
    network, description = load_model(trial_folder / MODEL_FILE)
    return TrainedNetwork(network, description, lambda: images)


def write(folder: Path, trained: TrainedNetwork, target: str) -> Path:
    for name, content in next(TARGETS[target].attempts(trained)).items():
        (folder / name).write_bytes(content)
    return folder


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keiryo.export.targets.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--to openvino: onnx is not installed; pip install 'kei"):
        find_target("openvino")


def test_the_runtime_runs_a_folder_of_openvino(
    trial_folder: Path, trained: TrainedNetwork, images: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    folder = write(tmp_path, trained, "openvino")
    graph = (folder / "model.xml").read_text(encoding="utf-8")
    assert "Clamp" in graph  # of a ReLU6, one operator instead of five
    assert "ShapeOf" not in graph
    predictor = keiryo_runtime.load(folder)
    assert predictor.classes == trained.description.classes
    assert predictor.metadata["model"] == trained.description.model
    found = predictor.probabilities(images)
    assert found == pytest.approx(open_onnx(trained.onnx)(images), abs=1e-5)
    assert predictor.probabilities(images[:1]) == pytest.approx(found[:1], abs=1e-5)
    by_name = keiryo.load(folder / "model.xml").predict(images[0])
    assert by_name[0].label == keiryo.load(trial_folder).predict(images[0])[0].label
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(
        keiryo_runtime.ModelError, match="OpenVINO cannot read this file"
    ) as refused:
        keiryo_runtime.load(folder)
    assert "\n" not in str(refused.value)
    (folder / "model.xml").write_text("words")
    with pytest.raises(keiryo_runtime.ModelError, match="no XML"):
        keiryo_runtime.load(folder)


@pytest.mark.slow
def test_integers_of_openvino_answer_nearly_the_same(
    trained: TrainedNetwork, images: np.ndarray, tmp_path: Path
) -> None:
    pytest.importorskip("nncf")
    expected = open_onnx(trained.onnx)(images)
    found = keiryo_runtime.load(write(tmp_path, trained, "openvino-int8")).probabilities(images)
    assert np.abs(found - expected).mean() < 0.05
    assert bytes_of(tmp_path) < 0.5 * len(trained.onnx)  # of so small a network
    assert torch.isfinite(torch.from_numpy(found)).all()


def test_an_engine_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.xml").write_text("<?xml version='1.0'?>")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(keiryo_runtime.ModelError, match=r"OpenVINO runs it, .* pip install 'openv"):
        keiryo_runtime.load(tmp_path)
