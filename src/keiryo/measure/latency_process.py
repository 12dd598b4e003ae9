"""A process that measures the latency of models, one pass for each path that it is given.

Run as `python -m keiryo.measure.latency_process --engine torch --device cpu --threads 2 --batch 1`,
it reads a path, as JSON, from each line of standard input and answers with a line of JSON. It loads
its engine alone, so that its memory is what that engine needs.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from keiryo.measure.engines import ENGINES
from keiryo.measure.load import LoadWatch
from keiryo.measure.memory import peak_memory_bytes
from keiryo.processes import output_to_stderr
from keiryo.records.speed import Latency

FIRST_WARMUP_RUNS = 10
WARMUP_RUNS = 3  # of a later pass, after other models have used the caches
FEWEST_RUNS = 10
MOST_RUNS = 100
ENOUGH_SECONDS = 0.7


def main(*, engine: str, device: str, threads: int, batch: int, shape: str | None) -> None:
    """Answer each line of standard input with the latency of the model in that file.

    `shape` is that of one example, as 1x28x28; None: an RGB image of the model's own size.
    """
    one = None if shape is None else tuple(map(int, shape.split("x")))
    model, run = None, None
    cold_start_ms = None
    for line in map(json.loads, sys.stdin):
        warmup_runs = WARMUP_RUNS
        if run is None or line != model:
            run = None  # frees the network before, so that the peak is that of one
            started = time.perf_counter()
            with output_to_stderr():
                given = {"device": device, "threads": threads, "batch": batch, "shape": one}
                model, run = line, ENGINES[engine].open(Path(line), **given)
                run()
            if cold_start_ms is None:  # a second file finds the engine loaded
                cold_start_ms = 1000 * (time.perf_counter() - started)
            warmup_runs = FIRST_WARMUP_RUNS - 1
        # What a user's own forward prints must not get between the answers.
        with output_to_stderr():
            for _ in range(warmup_runs):
                run()
            watch = LoadWatch()
            times: list[float] = []
            processor_times: list[float] = []
            while len(times) < FEWEST_RUNS or (
                sum(times) < ENOUGH_SECONDS * 1000 and len(times) < MOST_RUNS
            ):
                started, used = time.perf_counter(), time.process_time()
                run()
                times.append(1000 * (time.perf_counter() - started))
                processor_times.append(1000 * (time.process_time() - used))
            load = watch.load()
        p50, p95, p99 = np.percentile(times, (50, 95, 99)).tolist()
        processor_p50, processor_p95 = np.percentile(processor_times, (50, 95)).tolist()
        latency = Latency(
            p50=p50,
            p95=p95,
            p99=p99,
            best=min(times),
            processor_p50=processor_p50,
            processor_p95=processor_p95,
            processor_best=min(processor_times),
            batch=batch,
            threads=threads,
            runs=len(times),
            device=device,
            engine=engine,
            peak_memory_bytes=peak_memory_bytes(device),
            cold_start_ms=cold_start_ms,
            **load.model_dump(),
        )
        print(latency.model_dump_json(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--shape")
    main(**vars(parser.parse_args()))
