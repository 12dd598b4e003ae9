"""A process that measures the latency of models, one pass for each path that it is given.

Run as `python -m keiryo.measure.latency_process --device cpu --threads 2 --batch 1`, it reads a
path, as JSON, from each line of standard input and answers with a line of JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keiryo.measure.load import LoadWatch
from keiryo.measure.memory import peak_memory_bytes
from keiryo.processes import output_to_stderr
from keiryo.records.speed import Latency

FIRST_WARMUP_RUNS = 10
WARMUP_RUNS = 3  # of a later pass, after other models have used the caches
FEWEST_RUNS = 10
MOST_RUNS = 100
ENOUGH_SECONDS = 0.7


def main(*, device: str, threads: int, batch: int, shape: str | None) -> None:
    """Answer each line of standard input with the latency of the model in that file.

    `shape` is that of one example, as 1x28x28; None: an RGB image of the model's own size.
    """
    import torch

    torch.set_num_threads(threads)
    model, run = None, None
    for line in map(json.loads, sys.stdin):
        warmup_runs = WARMUP_RUNS
        if run is None or line != model:
            run = None  # frees the network before, so that the peak is that of one
            with output_to_stderr():
                path = Path(line)
                model, run = line, _load(path, device=device, batch=batch, shape=shape)
            warmup_runs = FIRST_WARMUP_RUNS
        # What a user's own forward prints must not get between the answers.
        with output_to_stderr(), torch.inference_mode():
            for _ in range(warmup_runs):
                run()
            watch = LoadWatch()
            times: list[float] = []
            while len(times) < FEWEST_RUNS or (
                sum(times) < ENOUGH_SECONDS * 1000 and len(times) < MOST_RUNS
            ):
                times.append(run())
            load = watch.load()
        p50, p95 = np.percentile(times, (50, 95)).tolist()
        latency = Latency(
            p50=p50,
            p95=p95,
            best=min(times),
            batch=batch,
            threads=threads,
            runs=len(times),
            device=device,
            peak_memory_bytes=peak_memory_bytes(device),
            **load.model_dump(),
        )
        print(latency.model_dump_json(), flush=True)


def _load(model: Path, *, device: str, batch: int, shape: str | None) -> Callable[[], float]:
    """Return a function that runs the model once and returns its milliseconds."""
    import torch

    from keiryo.models.saved import channels_last, load_model

    network, description = load_model(model)
    network = channels_last(network.to(device))
    size = description.preprocessing.size
    one = [3, size, size] if shape is None else [int(side) for side in shape.split("x")]
    images = torch.rand(batch, *one, device=device)
    if images.dim() == 4:
        images = images.to(memory_format=torch.channels_last)

    def run() -> float:
        started = time.perf_counter()
        network(images)
        if device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) * 1000

    return run


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--shape")
    main(**vars(parser.parse_args()))
