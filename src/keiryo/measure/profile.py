"""The limits of this machine: matrix rate, memory bandwidth, the cost of a call."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from keiryo.measure.layer_times import measure_layers
from keiryo.measure.machine import processor_name
from keiryo.models.saved import channels_last
from keiryo.records.costs import DeviceProfile, OperatorKind

MATRIX_SIDES = (512, 1024, 2048)
SMALL_CHANNELS, SMALL_SIDE, SMALL_LAYERS = 8, 4, 15
FLOAT32_BYTES = 4
# From a size that fits the first cache to one that fits none.
TOUCHED_BYTES = tuple(2**power for power in range(14, 29, 2))
SECONDS_EACH = 0.02
# Measurements of a size: so many, or fewer when they have taken long enough in all.
FEWEST_REPEATS, MOST_REPEATS = 5, 15
ENOUGH_SECONDS = 0.3


def measure_profile(
    *, device: str, threads: int, kind: torch.dtype = torch.float32
) -> DeviceProfile:
    """Measure the machine's best rates, after warm-up, in a few seconds.

    The matrix rate is that of matrices of `kind`.
    """
    torch.set_num_threads(threads)
    with torch.inference_mode():
        calls = _call_seconds(device)
        nothing = torch.ones(1, device=device)
        overhead = _seconds(lambda: torch.clamp_min(nothing, 0.0, out=nothing), device)
        bandwidths = []
        for size in TOUCHED_BYTES:
            moving = _seconds(_move(size, device), device) - overhead
            bandwidths.append((size, size / max(moving, 1e-9)))
        rates = []
        for side in MATRIX_SIDES:
            square = torch.rand(side, side, device=device).to(kind)
            rates.append(side**3 / _seconds(lambda square=square: torch.mm(square, square), device))
    return DeviceProfile(
        processor=processor_name(),
        device=device,
        threads=threads,
        torch=torch.__version__,
        macs_per_second=max(rates),
        bandwidths=bandwidths,
        call_seconds=calls,
    )


def _call_seconds(device: str) -> dict[OperatorKind, float]:
    """Return the time of a layer of each kind that has almost nothing to compute.

    They are timed in a small network: a layer called repeatedly by itself would find its data in
    the caches.
    """
    features = SMALL_CHANNELS * SMALL_SIDE**2
    kinds: list[OperatorKind] = ["convolution", "normalisation", "other"] * SMALL_LAYERS
    layers: list[nn.Module] = []
    for _ in range(SMALL_LAYERS):
        layers += [
            nn.Conv2d(SMALL_CHANNELS, SMALL_CHANNELS, 1, bias=False),
            nn.BatchNorm2d(SMALL_CHANNELS),
            nn.ReLU(),
        ]
    layers.append(nn.Flatten())
    kinds.append("other")
    for _ in range(SMALL_LAYERS):
        layers.append(nn.Linear(features, features))
        kinds.append("matrix product")
    network = channels_last(nn.Sequential(*layers).eval().to(device))
    image = torch.ones(1, SMALL_CHANNELS, SMALL_SIDE, SMALL_SIDE, device=device)
    names = dict(zip(map(str, range(len(kinds))), kinds, strict=True))
    times = measure_layers(network, [image.to(memory_format=torch.channels_last)], names).layers
    of_kind: dict[OperatorKind, list[float]] = {}
    for name, milliseconds in times.items():
        of_kind.setdefault(names[name], []).append(milliseconds / 1000)
    return {kind: statistics.median(seconds) for kind, seconds in of_kind.items()}


def _move(touched: int, device: str) -> Callable[[], Tensor]:
    # Each value is read once and written once, into memory that is already allocated.
    values = torch.rand(touched // (2 * FLOAT32_BYTES), device=device)
    out = torch.empty_like(values)
    return lambda: torch.clamp_min(values, 0.0, out=out)


def _seconds(run: Callable[[], Tensor], device: str) -> float:
    """Return the shortest time of one `run`, over measurements that are long enough to time."""

    def time_runs(count: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            run()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    once = min(time_runs(1) for _ in range(3))
    count = max(1, round(SECONDS_EACH / max(once, 1e-7)))
    times: list[float] = []
    while len(times) < FEWEST_REPEATS or (
        len(times) < MOST_REPEATS and sum(times) < ENOUGH_SECONDS
    ):
        times.append(time_runs(count))
    return min(times) / count
