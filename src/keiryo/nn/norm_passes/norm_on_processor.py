"""The passes of a batch norm and the clamp after it, on the processor."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from keiryo.kernels import norm_activation as kernels
from keiryo.kernels.openmp import run

# Several rows of narrow feature maps are processed at a time, to fill the vector units.
ENOUGH_COLUMNS = 64
KINDS = {torch.float32: np.float32, torch.float64: np.float64, torch.bfloat16: np.uint16}


def statistics(
    x: Tensor, running_mean: Tensor, running_variance: Tensor, momentum: float, epsilon: float
) -> Tensor:
    """Return mean and 1 / deviation (2, C) of x (N, C, H, W); update the running statistics."""
    threads = torch.get_num_threads()
    rows, columns, channels = _as_rows(x)
    partial_sums = torch.zeros(threads, 2, columns, dtype=torch.float64)
    figures = torch.tensor((momentum, epsilon), dtype=torch.float64)
    result = running_mean.new_empty(2, channels)
    kind = KINDS[x.dtype]
    summed = (threads, rows, columns, channels, x, partial_sums)
    run(kernels.sums(kind), threads, *summed)
    written = (running_mean, running_variance, result)
    run(kernels.statistics(kind), 1, *summed, figures, *written)
    return result


def normalize(
    x: Tensor, scale: Tensor, shift: Tensor, statistics: Tensor, bounds: tuple[float, float]
) -> Tensor:
    """Return x (N, C, H, W) normalised, scaled, shifted and clamped to `bounds`."""
    y = torch.empty_like(x)
    limits = torch.tensor(bounds, dtype=torch.float64)
    given = (x, scale, shift, statistics, limits)
    kernel = kernels.normalize(KINDS[x.dtype])
    run(kernel, torch.get_num_threads(), *_as_rows(x), *given, y)
    return y


def gradients(
    x: Tensor,
    y_gradient: Tensor,
    scale: Tensor,
    shift: Tensor,
    statistics: Tensor,
    bounds: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x (N, C, H, W), scale (C,) and shift (C,) from that of y."""
    threads = torch.get_num_threads()
    rows, columns, channels = _as_rows(x)
    partial_sums = torch.zeros(threads, 2, columns, dtype=torch.float64)
    limits = torch.tensor(bounds, dtype=torch.float64)
    results = torch.empty_like(x), torch.empty_like(scale), torch.empty_like(shift)
    kind = KINDS[x.dtype]
    given: tuple[Any, ...] = (threads, rows, columns, channels, x, y_gradient, scale, shift)
    given = (*given, statistics, limits, partial_sums)
    run(kernels.gradient_sums(kind), threads, *given)
    run(kernels.input_gradient(kind), threads, *given, *results)
    return results


def _as_rows(x: Tensor) -> tuple[int, int, int]:
    """Return the rows, columns and channels of x (N, C, H, W) as it lies in memory."""
    count, channels, height, width = x.shape
    rows, columns = count * height * width, channels
    while rows % 2 == 0 and columns < ENOUGH_COLUMNS:
        rows, columns = rows // 2, columns * 2
    return rows, columns, channels
