"""keiryo's predicted peak of activations against what an inference really took.

    .venv/bin/python benchmarks/memory.py

Each figure is of a process of its own: what its resident memory grew by at the most
while a batch went through the network, after one image had loaded code and weights.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import torch

import keiryo

MODELS = ("mobilenet_v1", "mobilenet_v2", "resnet50", "densenet121", "vgg16")
SIZE = 224
# glibc then gives every freed block of a tensor's size back at once.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}


def main() -> None:
    """Print predicted and measured peaks for both layouts and both ways of allocating."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--run", choices=("channels_last", "contiguous"))
    options = parser.parse_args()
    if options.run:
        print(growth(options.models[0], options.batch, options.run))
        return
    print("| model | predicted | channels_last | glibc as it is | channels first |")
    print("| --- | --- | --- | --- | --- |")
    for model in options.models:
        images = torch.empty(options.batch, 3, SIZE, SIZE, device="meta")
        with torch.device("meta"):
            network = keiryo.build(model, classes=1000)
        predicted = keiryo.weigh(network, images).peak_activation_bytes
        cells = []
        for layout, settings in (
            ("channels_last", GIVE_BACK),
            ("channels_last", {}),
            ("contiguous", GIVE_BACK),
        ):
            taken = measured(model, options.batch, layout, settings)
            cells.append(f"{taken / 1e6:.1f} MB ({taken / predicted:.3f})")
        print(f"| {model} | {predicted / 1e6:.1f} MB | {' | '.join(cells)} |")


def measured(model: str, batch: int, layout: str, settings: dict[str, str]) -> int:
    """Return the growth in a new process."""
    command = [sys.executable, __file__, "--models", model, "--batch", str(batch), "--run", layout]
    finished = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, check=True
    )
    return int(finished.stdout)


def growth(model: str, batch: int, layout: str) -> int:
    """Return by how many bytes this process grows while a batch goes through the network."""
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    network = keiryo.build(model, classes=1000).eval().to(memory_format=memory_format)

    def run(images: int) -> None:
        network(torch.rand(images, 3, SIZE, SIZE).to(memory_format=memory_format))

    with torch.inference_mode():
        run(1)
        before = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        run(batch)
        return status("VmHWM") - before


def status(key: str) -> int:
    """Return bytes from this process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


if __name__ == "__main__":
    main()
