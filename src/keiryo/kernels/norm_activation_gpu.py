"""Batch norm and a clamp after it on a GPU, forward and backward, in as few passes as possible.

Feature maps are rows of channels, as channels_last lays them out; `columns` may be a multiple
of `channels`, if several rows are processed as one wide row. Forward reads the input twice
and writes the output once; backward reads input and gradient twice and writes once. PyTorch's
own operators take about three times as many passes, and most of a step's time is spent in them.

All computation is in float32, sums over programs in double precision. No sum depends on the
order in which programs end, so each run gives the same bits.
"""

# Triton is not installed where the types are checked.
# pyright: reportMissingImports=false, reportIndexIssue=false

import triton
import triton.language as tl


@triton.jit
def _column_numbers(columns, BLOCK_COLUMNS: tl.constexpr):
    column = tl.program_id(1) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)
    return column, column < columns


@triton.jit
def _places(start, rows, columns, column, inside, BLOCK_ROWS: tl.constexpr):
    """Return where the values of a block of rows are, and which of them there are."""
    row = start + tl.arange(0, BLOCK_ROWS)
    places = row.to(tl.int64)[:, None] * columns + column[None, :]
    return places, (row < rows)[:, None] & inside[None, :]


@triton.jit(do_not_specialize=["rows", "channels"])
def sum_inputs(
    x,
    partial_sums,
    rows,
    columns,
    channels,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    """Sum x - x[0], and its square, per program and column."""
    column, inside = _column_numbers(columns, BLOCK_COLUMNS)
    # It is near the mean, so that the squares keep their precision.
    reference = tl.load(x + column % channels, mask=inside, other=0.0).to(tl.float32)
    first = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), tl.float32)
    second = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), tl.float32)
    for start in range(tl.program_id(0) * BLOCK_ROWS, rows, tl.num_programs(0) * BLOCK_ROWS):
        places, exist = _places(start, rows, columns, column, inside, BLOCK_ROWS)
        value = tl.load(x + places, mask=exist, other=0.0).to(tl.float32)
        difference = tl.where(exist, value - reference[None, :], 0.0)
        first += difference
        second += difference * difference
    own = partial_sums + tl.program_id(0) * 2 * columns
    tl.store(own + column, tl.sum(first, 0), mask=inside)
    tl.store(own + columns + column, tl.sum(second, 0), mask=inside)


@triton.jit
def _totals(
    partial_sums,
    parts,
    columns,
    channels,
    channel,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Return both sums over all programs and columns of a channel, in double precision."""
    inside = channel < channels
    first = tl.zeros((BLOCK_PARTS, BLOCK_CHANNELS), tl.float64)
    second = tl.zeros((BLOCK_PARTS, BLOCK_CHANNELS), tl.float64)
    for start in range(0, parts, BLOCK_PARTS):
        part = start + tl.arange(0, BLOCK_PARTS)
        exist = (part < parts)[:, None] & inside[None, :]
        for group in range(0, columns, channels):
            places = part[:, None] * 2 * columns + group + channel[None, :]
            first += tl.load(partial_sums + places, mask=exist, other=0.0)
            second += tl.load(partial_sums + places + columns, mask=exist, other=0.0)
    return tl.sum(first, 0), tl.sum(second, 0)


@triton.jit(do_not_specialize=["parts", "count", "columns", "channels"])
def finish_statistics(
    x,
    partial_sums,
    running_mean,
    running_variance,
    result,
    parts,
    count,
    columns,
    channels,
    momentum,
    epsilon,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Compute mean and 1 / deviation from the sums; update the running statistics."""
    channel = tl.program_id(0) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    inside = channel < channels
    first, second = _totals(
        partial_sums, parts, columns, channels, channel, BLOCK_PARTS, BLOCK_CHANNELS
    )
    from_reference = first / count
    variance = tl.maximum(second / count - from_reference * from_reference, 0.0)
    mean = tl.load(x + channel, mask=inside, other=0.0).to(tl.float64) + from_reference
    tl.store(result + channel, mean, mask=inside)
    tl.store(result + channels + channel, 1.0 / tl.sqrt(variance + epsilon), mask=inside)
    old_mean = tl.load(running_mean + channel, mask=inside, other=0.0)
    tl.store(running_mean + channel, old_mean + momentum * (mean - old_mean), mask=inside)
    unbiased = variance * count / (count - 1)
    old_variance = tl.load(running_variance + channel, mask=inside, other=0.0)
    moved = old_variance + momentum * (unbiased - old_variance)
    tl.store(running_variance + channel, moved, mask=inside)


@triton.jit
def _factors(scale, shift, statistics, channels, column, inside):
    """Return mean, factor and offset of each column: y = (x - mean) * factor + offset."""
    channel = column % channels
    mean = tl.load(statistics + channel, mask=inside, other=0.0)
    per_deviation = tl.load(statistics + channels + channel, mask=inside, other=0.0)
    factor = tl.load(scale + channel, mask=inside, other=0.0) * per_deviation
    return mean, factor, tl.load(shift + channel, mask=inside, other=0.0), per_deviation


@triton.jit(do_not_specialize=["rows", "channels"])
def normalize(
    x,
    scale,
    shift,
    statistics,
    y,
    rows,
    columns,
    channels,
    least,
    most,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    """Normalise, scale, shift and clamp."""
    column, inside = _column_numbers(columns, BLOCK_COLUMNS)
    mean, factor, offset, _ = _factors(scale, shift, statistics, channels, column, inside)
    for start in range(tl.program_id(0) * BLOCK_ROWS, rows, tl.num_programs(0) * BLOCK_ROWS):
        places, exist = _places(start, rows, columns, column, inside, BLOCK_ROWS)
        value = tl.load(x + places, mask=exist, other=0.0).to(tl.float32)
        value = (value - mean[None, :]) * factor[None, :] + offset[None, :]
        # In this form, NaN stays NaN.
        value = tl.where(value < least, least, tl.where(value > most, most, value))
        tl.store(y + places, value, mask=exist)


@triton.jit
def _passed(
    x,
    y_gradient,
    places,
    exist,
    mean,
    factor,
    offset,
    least,
    most,
):
    """Return x - mean, and the gradient of the values that were not clamped."""
    difference = tl.load(x + places, mask=exist, other=0.0).to(tl.float32) - mean[None, :]
    value = difference * factor[None, :] + offset[None, :]
    gradient = tl.load(y_gradient + places, mask=exist, other=0.0).to(tl.float32)
    return difference, tl.where((value <= least) | (value >= most), 0.0, gradient)


@triton.jit(do_not_specialize=["rows", "channels"])
def sum_gradients(
    x,
    y_gradient,
    scale,
    shift,
    statistics,
    partial_sums,
    rows,
    columns,
    channels,
    least,
    most,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    """Sum the gradient of the values that were not clamped, and that gradient times x - mean."""
    column, inside = _column_numbers(columns, BLOCK_COLUMNS)
    mean, factor, offset, _ = _factors(scale, shift, statistics, channels, column, inside)
    first = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), tl.float32)
    second = tl.zeros((BLOCK_ROWS, BLOCK_COLUMNS), tl.float32)
    for start in range(tl.program_id(0) * BLOCK_ROWS, rows, tl.num_programs(0) * BLOCK_ROWS):
        places, exist = _places(start, rows, columns, column, inside, BLOCK_ROWS)
        difference, passed = _passed(
            x, y_gradient, places, exist, mean, factor, offset, least, most
        )
        first += passed
        second += passed * difference
    own = partial_sums + tl.program_id(0) * 2 * columns
    tl.store(own + column, tl.sum(first, 0), mask=inside)
    tl.store(own + columns + column, tl.sum(second, 0), mask=inside)


@triton.jit(do_not_specialize=["parts", "columns", "channels"])
def finish_gradients(
    partial_sums,
    statistics,
    scale_gradient,
    shift_gradient,
    parts,
    columns,
    channels,
    BLOCK_PARTS: tl.constexpr,
    BLOCK_CHANNELS: tl.constexpr,
):
    """Compute the gradients of scale and shift from the sums."""
    channel = tl.program_id(0) * BLOCK_CHANNELS + tl.arange(0, BLOCK_CHANNELS)
    inside = channel < channels
    total, moment = _totals(
        partial_sums, parts, columns, channels, channel, BLOCK_PARTS, BLOCK_CHANNELS
    )
    per_deviation = tl.load(statistics + channels + channel, mask=inside, other=0.0)
    tl.store(scale_gradient + channel, moment * per_deviation, mask=inside)
    tl.store(shift_gradient + channel, total, mask=inside)


@triton.jit(do_not_specialize=["rows", "channels", "count"])
def input_gradient(
    x,
    y_gradient,
    scale,
    shift,
    statistics,
    scale_gradient,
    shift_gradient,
    x_gradient,
    rows,
    columns,
    channels,
    count,
    least,
    most,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_COLUMNS: tl.constexpr,
):
    """Compute the gradient of x from the gradients of scale and shift."""
    column, inside = _column_numbers(columns, BLOCK_COLUMNS)
    mean, factor, offset, per_deviation = _factors(
        scale, shift, statistics, channels, column, inside
    )
    channel = column % channels
    common = tl.load(shift_gradient + channel, mask=inside, other=0.0) / count
    slope = tl.load(scale_gradient + channel, mask=inside, other=0.0) / count * per_deviation
    for start in range(tl.program_id(0) * BLOCK_ROWS, rows, tl.num_programs(0) * BLOCK_ROWS):
        places, exist = _places(start, rows, columns, column, inside, BLOCK_ROWS)
        difference, passed = _passed(
            x, y_gradient, places, exist, mean, factor, offset, least, most
        )
        passed = passed - common[None, :] - difference * slope[None, :]
        tl.store(x_gradient + places, passed * factor[None, :], mask=exist)
