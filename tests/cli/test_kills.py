"""A comparison that is killed again and again, in earnest."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 50
LONGEST_LIFE_SECONDS = 12.0
MODEL = "mobilenet_v1:width=0.25"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_at_random_moments_change_no_bit(flower_folder: Path, tmp_path: Path) -> None:
    def comparison(out: Path, *arguments: object) -> subprocess.Popen[bytes]:
        command = ["compare", *arguments, "--out", out]
        return subprocess.Popen(
            [sys.executable, "-m", "keiryo", *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def weights(out: Path) -> bytes:
        (model,) = out.glob("trials/*/model.safetensors")
        return model.read_bytes()

    arguments = [
        flower_folder, "--models", MODEL, "--size", 32, "--batch", 8, "--threads", 1,
        "--epochs", 60,
    ]  # fmt: skip
    assert comparison(tmp_path / "whole", *arguments).wait() == 0
    moments, kills, comparisons = random.Random(0), 0, 0
    while kills < KILLS:
        out = tmp_path / f"out{comparisons}"
        comparisons += 1
        while True:
            # Before its plan stands there, there is nothing to go on with, and it begins.
            running = comparison(out, *arguments, "--resume")
            life = moments.uniform(0, LONGEST_LIFE_SECONDS) if kills < KILLS else None
            try:
                assert running.wait(life) == 0
                break
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.wait()
                kills += 1
        assert weights(out) == weights(tmp_path / "whole")
