"""The passes of a batch norm and the clamp after it, on a CUDA device."""

# Triton is not installed where the types are checked.
# pyright: reportMissingImports=false, reportIndexIssue=false

from functools import cache

import torch
import triton
from torch import Tensor

from keiryo.kernels import norm_activation_gpu as kernels

# Values that a program reads at a time; more would not fit into its registers.
TILE = 4096
# Programs that sum a feature map: enough to fill the largest GPUs.
PROGRAMS = 528
FEWEST_COLUMNS = 64
MOST_COLUMNS = 128  # of a program
# Loads of several values at a time need rows that begin at multiples of 16.
COLUMNS_FACTOR = 16
CHANNELS_AT_ONCE = 16  # of a program that adds up partial sums
PARTS_AT_ONCE = 64


def statistics(
    x: Tensor, running_mean: Tensor, running_variance: Tensor, momentum: float, epsilon: float
) -> Tensor:
    """Return mean and 1 / deviation (2, C) of x (N, C, H, W); update the running statistics."""
    rows, columns, channels = _as_rows(x.shape)
    result = running_mean.new_empty(2, channels)
    grid, block = _grid(rows, columns, PROGRAMS)
    partial_sums = result.new_empty(grid[0], 2, columns)
    kernels.sum_inputs[grid](x, partial_sums, rows, columns, channels, **block)
    kernels.finish_statistics[_finishing_grid(channels)](
        x, partial_sums, running_mean, running_variance, result,
        grid[0], rows * (columns // channels), columns, channels, momentum, epsilon,
        PARTS_AT_ONCE, CHANNELS_AT_ONCE,
    )  # fmt: skip
    return result


def normalize(
    x: Tensor, scale: Tensor, shift: Tensor, statistics: Tensor, bounds: tuple[float, float]
) -> Tensor:
    """Return x (N, C, H, W) normalised, scaled, shifted and clamped to `bounds`."""
    rows, columns, channels = _as_rows(x.shape)
    y = torch.empty_like(x)
    grid, block = _grid(rows, columns, 4 * PROGRAMS)
    kernels.normalize[grid](
        x, scale, shift, statistics, y, rows, columns, channels, *bounds, **block
    )
    return y


def gradients(
    x: Tensor,
    y_gradient: Tensor,
    scale: Tensor,
    shift: Tensor,
    statistics: Tensor,
    bounds: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of x (N, C, H, W), scale (C,) and shift (C,) from that of y.

    Ioffe & Szegedy 2015, "Batch Normalization", section 3, the equations after algorithm 1.
    """
    rows, columns, channels = _as_rows(x.shape)
    given = (x, y_gradient, scale, shift, statistics)
    grid, block = _grid(rows, columns, PROGRAMS)
    partial_sums = scale.new_empty(grid[0], 2, columns)
    kernels.sum_gradients[grid](*given, partial_sums, rows, columns, channels, *bounds, **block)
    scale_gradient, shift_gradient = torch.empty_like(scale), torch.empty_like(shift)
    kernels.finish_gradients[_finishing_grid(channels)](
        partial_sums, statistics, scale_gradient, shift_gradient, grid[0], columns, channels,
        PARTS_AT_ONCE, CHANNELS_AT_ONCE,
    )  # fmt: skip
    x_gradient = torch.empty_like(x)
    grid, block = _grid(rows, columns, 4 * PROGRAMS)
    kernels.input_gradient[grid](
        *given, scale_gradient, shift_gradient, x_gradient,
        rows, columns, channels, rows * (columns // channels), *bounds, **block,
    )  # fmt: skip
    return x_gradient, scale_gradient, shift_gradient


@cache
def _as_rows(shape: torch.Size) -> tuple[int, int, int]:
    """Return the rows, columns and channels of a shape (N, C, H, W) as it lies in memory."""
    count, channels, height, width = shape
    rows, columns = count * height * width, channels
    while rows % 2 == 0 and (columns < FEWEST_COLUMNS or columns % COLUMNS_FACTOR):
        rows, columns = rows // 2, columns * 2
    return rows, columns, channels


@cache
def _grid(rows: int, columns: int, programs: int) -> tuple[tuple[int, int], dict[str, int]]:
    """Return the number of programs along rows and columns, and each one's block of values."""
    block_columns = min(MOST_COLUMNS, triton.next_power_of_2(columns))
    block_rows = TILE // block_columns
    across = triton.cdiv(columns, block_columns)
    down = min(triton.cdiv(rows, block_rows), max(1, programs // across))
    return (down, across), {"BLOCK_ROWS": block_rows, "BLOCK_COLUMNS": block_columns}


def _finishing_grid(channels: int) -> tuple[int]:
    return (triton.cdiv(channels, CHANNELS_AT_ONCE),)
