"""The latency of an exported model, as the runtime runs it here."""

import time

import numpy as np

from keiryo.measure.load import LoadWatch
from keiryo.records.speed import Latency
from keiryo_runtime import Predictor

WARM_UP_RUNS = 5
RUNS = 50


def time_predictions(predictor: Predictor, *, threads: int) -> Latency:
    """Return the latency of single images of random pixels, without their decoding."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (1, predictor.size, predictor.size, 3), dtype=np.uint8)
    for _ in range(WARM_UP_RUNS):
        predictor.probabilities(image)
    watch = LoadWatch()
    times: list[float] = []
    for _ in range(RUNS):
        start = time.perf_counter()
        predictor.probabilities(image)
        times.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, (50, 95))
    return Latency(
        p50=float(p50),
        p95=float(p95),
        best=min(times),
        batch=1,
        threads=threads,
        runs=RUNS,
        device="cpu",
        **watch.load().model_dump(),
    )
