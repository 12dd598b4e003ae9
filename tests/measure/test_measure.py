import json
import os
import platform
import time
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor, nn

from keiryo.measure.latency import (
    MOST_ROUNDS,
    ROUNDS,
    LatencyError,
    ToMeasure,
    measure_latencies,
    measure_latency,
)
from keiryo.measure.latency_process import FEWEST_RUNS, MOST_RUNS
from keiryo.measure.layer_times import measure_layers
from keiryo.measure.machine import describe_machine
from keiryo.measure.memory import peak_memory_bytes
from keiryo.models.saved import Preprocessing, SavedModel, save_model
from keiryo.models.spec import build

# A user's network that notes how it is run. Its calls take at least 1 and 4 ms in turn; the large
# one's first call holds 200 MB.
NOTING_NETWORK = """
import json, os, time
from pathlib import Path

import torch


class Noting(torch.nn.Module):
    def __init__(self, classes, held=0):
        super().__init__()
        self.held = held
        self.layer = torch.nn.Conv2d(3, classes, 1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 1:
            torch.ones(self.held)
        time.sleep(0.004 if self.calls % 2 else 0.001)
        call = {
            "shape": list(x.shape),
            "channels_last": x.is_contiguous(memory_format=torch.channels_last),
            "threads": torch.get_num_threads(),
            "inference": torch.is_inference_mode_enabled() and not self.training,
            "process": os.getpid(),
        }
        with Path(__file__).with_suffix(".jsonl").open("a") as file:
            file.write(json.dumps(call) + "\\n")
        return self.layer(x).mean((2, 3))


def make(classes):
    return Noting(classes)


def make_large(classes):
    return Noting(classes, held=50_000_000)
"""


def save(path: Path, spec: str) -> Path:
    description = SavedModel(
        keiryo_version="0",
        model=spec,
        classes=["a", "b"],
        preprocessing=Preprocessing(size=32, mean=(0.5,) * 3, std=(0.2,) * 3),
    )
    save_model(path, build(spec, classes=2), description)
    return path


def test_latency_is_that_of_batches_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(NOTING_NETWORK)
    noted = tmp_path / "noting.jsonl"
    peaks = []
    for factory, batch, threads in (("make", 1, 2), ("make_large", 3, 1)):
        noted.write_text("")
        model = save(tmp_path / "model.safetensors", f"{tmp_path}/noting.py:{factory}")
        here = torch.get_num_threads()
        latency = measure_latency(model, device="cpu", threads=threads, batch=batch, wait=0.0)
        assert torch.get_num_threads() == here
        calls = list(map(json.loads, noted.read_text().splitlines()))
        # Passes that others disturb are made again.
        assert ROUNDS * FEWEST_RUNS <= latency.runs < len(calls)
        assert latency.runs <= MOST_ROUNDS * MOST_RUNS
        expected = {"shape": [batch, 3, 32, 32], "channels_last": True, "inference": True}
        expected |= {"threads": threads, "process": calls[0]["process"]}
        assert all(call == expected for call in calls)
        assert expected["process"] != os.getpid()
        assert (latency.device, latency.batch, latency.threads) == ("cpu", batch, threads)
        # Milliseconds; half of the runs take at least 4, the others at least 1.
        assert latency.best is not None
        assert latency.spread is not None
        assert latency.spread[0] <= latency.p50 <= latency.spread[1]
        assert 1 <= latency.best <= latency.p50 <= latency.p95
        assert latency.p95 >= 4
        assert latency.peak_memory_bytes is not None
        peaks.append(latency.peak_memory_bytes)
    assert peaks[1] > peaks[0] + 100_000_000


def test_what_fails_in_the_other_process_is_said(tmp_path: Path) -> None:
    (tmp_path / "damaged.safetensors").write_bytes(b"no model")
    with pytest.raises(LatencyError) as failed:
        measure_latency(tmp_path / "damaged.safetensors", device="cpu", threads=1, wait=0.0)
    assert "damaged.safetensors: not a model that keiryo saved" in failed.value.log


def test_seeds_of_an_architecture_share_a_figure_and_others_fail_alone(tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(NOTING_NETWORK)
    noted = tmp_path / "noting.jsonl"
    seeds = tuple(
        save(tmp_path / f"{seed}.safetensors", f"{tmp_path}/noting.py:make") for seed in range(2)
    )
    (tmp_path / "damaged.safetensors").write_bytes(b"no model")
    told: list[tuple[int, int]] = []
    shared, failed = measure_latencies(
        [ToMeasure(seeds), ToMeasure((tmp_path / "damaged.safetensors",))],
        device="cpu",
        threads=1,
        wait=0.0,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert not isinstance(shared, LatencyError)
    assert isinstance(failed, LatencyError)
    processes = {json.loads(line)["process"] for line in noted.read_text().splitlines()}
    assert len(processes) == 1  # one of the two is in memory at a time
    assert shared.runs >= 2 * ROUNDS * FEWEST_RUNS
    assert told[0] == (1, 3 * ROUNDS)


class Sleeping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.002)
        return x


def test_each_named_layer_is_timed_over_all_of_its_calls() -> None:
    layer = Sleeping()
    network = nn.Sequential(layer, nn.ReLU(), layer, nn.Identity()).eval()
    times = measure_layers(network, [torch.zeros(2)], ["0", "1", "absent"])
    assert times.layers.keys() == {"0", "1"}
    # Milliseconds of two calls, of 2 each at least.
    assert times.layers["0"] >= 4
    assert times.layers["1"] > 0
    assert times.whole >= 4
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network)


def test_peak_memory_grows_with_what_is_held_and_stays() -> None:
    before = peak_memory_bytes("cpu")
    held = torch.ones(before // 4 + 25_000_000)
    assert peak_memory_bytes("cpu") >= before + 50_000_000
    assert held.numel() > 0
    del held
    assert peak_memory_bytes("cpu") >= before + 50_000_000


def test_the_machine_says_what_it_is() -> None:
    machine = describe_machine(device="cpu", threads=2, torch_version=torch.__version__)
    assert (machine.device, machine.threads, machine.torch) == ("cpu", 2, torch.__version__)
    assert machine.system.split() == [platform.system(), platform.release()]
    assert machine.python == platform.python_version()
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert machine.memory_bytes == psutil.virtual_memory().total
    assert machine.processor
