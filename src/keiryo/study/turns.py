"""Processor times of modules that take turns, as ratios with intervals."""

import time
from collections.abc import Mapping
from statistics import median

import torch
from torch import Tensor, nn

ENOUGH_SECONDS = 0.004  # of one measurement, so that the clock's steps do not count
WARMUP_RUNS = 3


def times_in_turns(
    modules: Mapping[str, nn.Module], x: Tensor, *, rounds: int
) -> dict[str, list[float]]:
    """Return the processor seconds of one run of each module on `x`, a figure for each round.

    In a round each module runs once or several times, one module after the other. Processor time
    is the sum over the threads of this process, so other processes lengthen it little.
    """
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in modules}
    with torch.inference_mode():
        for name, module in modules.items():
            for _ in range(WARMUP_RUNS):
                module(x)
            counts[name] = max(1, round(ENOUGH_SECONDS / max(_seconds(module, x, 1), 1e-6)))
        for _ in range(rounds):
            for name, module in modules.items():
                times[name].append(_seconds(module, x, counts[name]))
    return times


def ratio_interval(over: list[float], under: list[float]) -> tuple[float, float, float]:
    """Return the median of the rounds' ratios `over` / `under`, and an interval of the median.

    The interval is between order statistics and holds the median with at least 95 % (for six
    rounds or more; Conover 1999, Practical Nonparametric Statistics, section 3.2).
    """
    ratios = sorted(a / b for a, b in zip(over, under, strict=True))
    count, below, chance = len(ratios), 0, 0.5 ** len(ratios)
    term = chance
    # The greatest number of ratios to leave out at each end with 2.5 % or less.
    while below < count and chance <= 0.025:
        below += 1
        term = term * (count - below + 1) / below
        chance += term
    outside = max(0, below - 1)
    return median(ratios), ratios[outside], ratios[count - 1 - outside]


def _seconds(module: nn.Module, x: Tensor, count: int) -> float:
    started = time.process_time()
    for _ in range(count):
        module(x)
    return (time.process_time() - started) / count
