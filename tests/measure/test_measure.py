from pathlib import Path

import torch

from keiryo.measure.latency import measure_latency
from keiryo.measure.machine import describe_machine
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import Preprocessing, SavedModel, save_model
from keiryo.models.spec import build


def test_latency_is_measured_in_another_process(tmp_path: Path) -> None:
    spec = "mobilenet_v2:width=0.35"
    description = SavedModel(
        keiryo_version="0",
        model=spec,
        classes=["a", "b"],
        preprocessing=Preprocessing(size=32, mean=(0.5,) * 3, std=(0.2,) * 3),
    )
    save_model(tmp_path / "model.safetensors", build(spec, classes=2), description)
    latency = measure_latency(tmp_path / "model.safetensors", device="cpu", threads=1)
    assert 0 < latency.p50 <= latency.p95
    assert latency.batch == 1
    assert latency.threads == 1
    assert latency.runs >= 30


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory_bytes("cpu")
    held = torch.ones(before // 4 + 25_000_000)
    assert peak_memory_bytes("cpu") >= before + 50_000_000
    assert held.numel() > 0


def test_the_machine_says_what_it_is() -> None:
    machine = describe_machine(device="cpu", threads=2, torch_version=torch.__version__)
    assert machine.cores >= 1
    assert machine.memory_bytes > 1e8
    assert machine.processor
