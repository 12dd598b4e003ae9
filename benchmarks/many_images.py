"""Checking and packing many images: how time and memory grow with their number.

    .venv/bin/python benchmarks/many_images.py

Generates images of 96 x 72 as JPEG files in ten classes, then runs `keiryo data check`
and `keiryo data pack --size 64` on growing parts of them. Memory is the most that the
command and all processes it started had resident together, looked at every tenth of
a second (pages that they share are counted once for each).
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

CLASSES = 10
SIZE = "64"
LOOK_EVERY_SECONDS = 0.1


def main() -> None:
    """Print a table of times and memory for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--counts", type=int, nargs="*", default=[25_000, 50_000, 100_000])
    parser.add_argument("--folder", type=Path, help="for the images; kept, and used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.folder or Path(scratch) / "images"
        print("| images | check | peak memory | pack | peak memory |")
        print("| --- | --- | --- | --- | --- |")
        for count in options.counts:
            folder = generated(root, count)
            check = measured("check", folder)
            pack = measured("pack", folder, "--size", SIZE, "--out", f"{scratch}/pack{count}")
            print(f"| {count:,} | {check} | {pack} |", flush=True)


def generated(root: Path, count: int) -> Path:
    """Return a folder of so many images, each a few soft blobs of its own."""
    folder = root / str(count)
    for index in range(count):
        path = folder / f"class{index % CLASSES}" / f"{index:07d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs = np.random.default_rng(index).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(blobs, (96, 72), interpolation=cv2.INTER_CUBIC))
    return folder


def measured(command: str, folder: Path, *arguments: str) -> str:
    """Run a command of `keiryo data`; return its time and peak memory as cells of a table."""
    start = time.perf_counter()
    running = psutil.Popen(
        [sys.executable, "-m", "keiryo", "data", command, str(folder), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = 0
    while running.poll() is None:
        peak = max(peak, resident_bytes(running))
        time.sleep(LOOK_EVERY_SECONDS)
    if running.returncode:
        sys.exit(f"keiryo data {command} ended with {running.returncode}")
    return f"{time.perf_counter() - start:.1f} s | {peak / 1e6:.0f} MB"


def resident_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and all that it started."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


if __name__ == "__main__":
    main()
