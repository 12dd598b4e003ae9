import json
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from conftest import Finished
from keiryo.export.onnx import encode_onnx
from keiryo.models.saved import MODEL_FILE, load_model

SMALL = "mobilenet_v1:width=0.25"
NOW = ("--wait-for-quiet", 0)


def test_inference_is_measured(keiryo: Callable[..., Finished]) -> None:
    done = keiryo("bench", SMALL, "--size", 32, "--classes", 5, "--batch", 4, *NOW, "--json")
    [speed] = json.loads(done.out)
    assert (speed["batch"], speed["mode"]) == (4, "inference")
    assert 0 < speed["latency_ms"]["p50"] <= speed["latency_ms"]["p95"]
    by_median = 1000 * speed["batch"] / speed["latency_ms"]["p50"]
    assert speed["images_per_second"] == pytest.approx(by_median)
    assert speed["peak_memory_bytes"] > 1e6


def test_a_network_of_signals_is_measured(keiryo: Callable[..., Finished], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__()\n"
        "        self.body = nn.Conv1d(1, classes, 9, 4)\n"
        "    def forward(self, x):\n"
        "        print('running')\n"  # must not get into the process's answers
        "        return self.body(x).mean(-1)\n"
    )
    done = keiryo(
        "bench", f"{tmp_path}/mine.py:Net", "--input", "1x400", "--batch", 2, *NOW, "--json"
    )
    [speed] = json.loads(done.out)
    assert (speed["input_shape"], speed["batch"]) == ([1, 400], 2)


def test_engines_are_measured_side_by_side(keiryo: Callable[..., Finished], tmp_path: Path) -> None:
    options = ("--size", 32, "--classes", 5, "--batch", 2, "--threads", 1, *NOW, "--json")
    by_torch, by_onnx = json.loads(keiryo("bench", SMALL, "--engine", "torch,onnx", *options).out)
    assert [speed["latency_ms"]["engine"] for speed in (by_torch, by_onnx)] == ["torch", "onnx"]
    assert by_onnx["engine_version"] == f"ONNX Runtime {onnxruntime.__version__}"
    assert by_onnx["largest_difference"] < 1e-4
    for speed in (by_torch, by_onnx):
        latency = speed["latency_ms"]
        assert (speed["batch"], latency["threads"], latency["device"]) == (2, 1, "cpu")
        assert 0 < latency["processor_best"] <= latency["processor_p50"] <= latency["processor_p95"]
        assert latency["p95"] <= latency["p99"]
        assert latency["cold_start_ms"] > latency["best"]
        assert speed["file_bytes"] > 4 * 200_000  # of a network of 215,000 parameters
    # Its process has not loaded PyTorch.
    assert by_onnx["peak_memory_bytes"] < by_torch["peak_memory_bytes"] - 50e6


def test_an_exported_file_is_measured_by_its_engine(
    keiryo: Callable[..., Finished], trial_folder: Path, tmp_path: Path
) -> None:
    network, description = load_model(trial_folder / MODEL_FILE)
    exported = tmp_path / "model.onnx"
    exported.write_bytes(encode_onnx(network, description))
    done = keiryo("bench", exported, "--batch", 1, "--threads", 1, *NOW)
    assert done.status == 0
    assert f"ONNX Runtime {onnxruntime.__version__}" in done.out
    assert "PyTorch" not in done.out
    refused = keiryo("bench", exported, "--engine", "torch")
    assert (refused.status, "give its trial" in refused.err) == (2, True)
    exported.write_bytes(exported.read_bytes()[:10_000])
    damaged = keiryo("bench", exported)
    assert (damaged.status, "ONNX Runtime cannot read this file" in damaged.err) == (2, True)


def test_every_step_of_a_training_is_measured_at_the_size_asked_for(
    keiryo: Callable[..., Finished], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__()\n"
        "        self.body = nn.Conv2d(3, classes, 3, 4)\n"
        "    def forward(self, x):\n"
        f"        with Path({str(tmp_path / 'sizes')!r}).open('a') as file:\n"
        "            file.write(f'{x.shape[-1]} {self.training}\\n')\n"
        "        return self.body(x).mean((2, 3))\n"
    )
    options = ("--size", 64, "--classes", 5, "--batch", 4, "--training", "--recipe", "keiryo")
    done = keiryo("bench", f"{tmp_path}/mine.py:Net", *options, *NOW)
    assert done.status == 0, done.err
    calls = [line.split() for line in (tmp_path / "sizes").read_text().splitlines()]
    assert {size for size, is_training in calls if is_training == "True"} == {"64"}


@pytest.mark.slow  # several processes, and the machine is measured
def test_a_training_is_measured_layer_by_layer(keiryo: Callable[..., Finished]) -> None:
    options = ("--size", 32, "--classes", 5, "--batch", 4, "--training", "--layers", "--json")
    [speed] = json.loads(keiryo("bench", SMALL, *options).out)
    assert speed["mode"] == "training"
    layers = {layer["layer"]: layer for layer in speed["layers"]}
    # 27 convolutions and as many norms, each with its activation, the pooling and the classifier.
    assert len(layers) == len(speed["layers"]) == 27 + 27 + 2
    assert layers["features.0.norm"]["kind"] == "BatchNorm2d and ReLU6"
    assert layers["features.1.depthwise.convolution"]["kind"] == "depthwise convolution"
    # The classifier's 256 x 5 products for 4 images, forward and twice backward, take time.
    assert layers["classifier"]["output_shape"] == [5]
    assert layers["classifier"]["arithmetic_ms"] > 0
    assert all(layer["forward_ms"] > 0 for layer in speed["layers"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mobilenet_v9",), "mobilenet_v9"),
        ((SMALL, "--batch", "0"), "--batch 0"),
        ((SMALL, "--batch", "many"), "--batch many"),
        ((SMALL, "--layers"), "--training"),
        ((SMALL, "--input", "3x32x32", "--size", "32"), "--input and --size"),
        ((SMALL, "--input", "3xten"), "--input 3xten: give the sizes"),
        ((SMALL, "--input", "1x32x32"), "--input 1x32x32: mobilenet_v1:width=0.25: cannot be run"),
        ((SMALL, "--input", "3x32x32", "--training"), "--input 3x32x32: not for --training"),
        (("nowhere/model.safetensors",), "nowhere/model.safetensors: no such file"),
        (("nowhere/model.onnx",), "nowhere/model.onnx: no such file"),
        ((SMALL, "--engine", "tensorrt"), "--engine tensorrt: give torch or onnx"),
        ((SMALL, "--engine", "onnx", "--training"), "--engine onnx: networks are trained"),
        ((SMALL, "--engine", "onnx", "--device", "cuda"), "--engine onnx: runs on the processor"),
        ((SMALL, "--engine", "onnx", "--input", "3x32x32"), "--engine onnx: takes networks of RGB"),
    ],
)
def test_what_cannot_be_measured_is_said(
    arguments: tuple[object, ...], said: str, keiryo: Callable[..., Finished]
) -> None:
    done = keiryo("bench", *arguments)
    assert done.status == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) <= 2
