"""The predicted peak against what a run in a process of its own really took."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import keiryo
from keiryo.cost import weigh

BATCH, SIZE = 16, 160
MODELS = ["mobilenet_v1", "mobilenet_v2:width=0.5", "vgg11", "resnet18", "densenet121"]
RUN = f"""
import sys
from pathlib import Path
import torch
import keiryo

def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

def run(network, batch):
    images = torch.rand(batch, 3, {SIZE}, {SIZE}).to(memory_format=torch.channels_last)
    network(images)

for model in sys.argv[1:]:
    network = keiryo.build(model, classes=5).eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        run(network, 1)  # what code and weights need is there from then on
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        run(network, {BATCH})
        print(memory("VmHWM") - before)

# At the first such operator PyTorch loads its compiler, and keeps the operator's arguments.
network = torch.nn.Sequential(
    torch.nn.Linear(2, 8), torch.nn.Softplus(), torch.nn.ReLU(), torch.nn.ReLU()
)
print(keiryo.weigh(network, (2,)).peak_activation_bytes)
"""
FIRST = "the first weighing of a process"


@pytest.fixture(scope="module")
def taken() -> dict[str, int]:
    """The bytes that a run of each model took, one after the other in a process of their own.

    Beside them are those that a weighing in this process foretells.
    """
    # The allocator is told to give freed memory back at once: what it keeps is no tensor's.
    finished = subprocess.run(
        [sys.executable, "-c", RUN, *MODELS],
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip([*MODELS, FIRST], map(int, finished.stdout.split()), strict=True))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("model", MODELS)
def test_the_peak_is_what_a_run_takes(model: str, taken: dict[str, int]) -> None:
    with torch.device("meta"):
        network = keiryo.build(model, classes=5)
    predicted = weigh(network, torch.zeros(BATCH, 3, SIZE, SIZE)).peak_activation_bytes
    assert predicted == pytest.approx(taken[model], rel=0.1)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_the_first_weighing_of_a_process_counts_no_more(taken: dict[str, int]) -> None:
    assert taken[FIRST] == 4 * (2 + 8 + 8)


def test_what_is_held_at_once_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    # The input stays with the caller; the wide map before and after the ReLU are both there.
    assert weigh(network, (1, 10, 10)).peak_activation_bytes == 4 * 100 * (1 + 8 + 8)
    in_place = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1))
    assert weigh(in_place, (1, 10, 10)).peak_activation_bytes == 4 * 100 * (1 + 8 + 2)


def test_a_shortcut_holds_its_input_for_as_long_as_it_is_needed() -> None:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(10, 10), nn.Linear(10, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return x + self.second(x)

    assert weigh(Shortcut(), (10,)).peak_activation_bytes == 4 * 10 * 4


def test_scores_of_attention_are_not_held() -> None:
    class Attending(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x)

    weighing = weigh(Attending(), (2, 1000, 4))
    assert weighing.peak_activation_bytes == 2 * 4 * 2 * 1000 * 4
    assert weighing.macs == 2 * 2 * 1000 * 1000 * 4
