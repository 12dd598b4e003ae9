"""The latency of one batch, in a process that does nothing else.

Run as `python -m keiryo.measure.latency MODEL`, it prints the record as JSON.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from keiryo.measure.load import LoadWatch
from keiryo.measure.memory import peak_memory_bytes
from keiryo.processes import environment
from keiryo.records.speed import Latency, Load

WARMUP_RUNS = 10
FEWEST_RUNS = 30
MOST_RUNS = 300
ENOUGH_SECONDS = 2.0


def measure_latency(model: Path, *, device: str, threads: int, batch: int = 1) -> Latency:
    """Measure the trained model in the file `model` in a new process.

    Raises subprocess.CalledProcessError, with the process's `stderr`, if that fails.
    """
    command = [sys.executable, "-m", "keiryo.measure.latency", str(model)]
    command += ["--device", device, "--threads", str(threads), "--batch", str(batch)]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment()
    )
    return Latency.model_validate_json(finished.stdout)


def _measure_here(model: Path, *, device: str, threads: int, batch: int) -> Latency:
    import torch

    from keiryo.models.saved import channels_last, load_model

    torch.set_num_threads(threads)
    network, description = load_model(model)
    network = channels_last(network.to(device))
    size = description.preprocessing.size
    images = torch.rand(batch, 3, size, size, device=device)
    images = images.to(memory_format=torch.channels_last)

    def run() -> float:
        started = time.perf_counter()
        network(images)
        if device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) * 1000

    def measure() -> tuple[Load, list[float]]:
        watch = LoadWatch()
        times: list[float] = []
        while len(times) < FEWEST_RUNS or (
            sum(times) < ENOUGH_SECONDS * 1000 and len(times) < MOST_RUNS
        ):
            times.append(run())
        return watch.load(), times

    with torch.inference_mode():
        for _ in range(WARMUP_RUNS):
            run()
        load, times = measure()
        if load.disturbed:
            # Others may have been busy for a moment only.
            load, times = min((load, times), measure(), key=lambda one: one[0].others_share)
    p50, p95 = np.percentile(times, (50, 95))
    return Latency(
        p50=float(p50),
        p95=float(p95),
        best=min(times),
        batch=batch,
        threads=threads,
        runs=len(times),
        device=device,
        peak_memory_bytes=peak_memory_bytes(device),
        load=load,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    options = parser.parse_args()
    record = _measure_here(
        options.model, device=options.device, threads=options.threads, batch=options.batch
    )
    print(record.model_dump_json())
