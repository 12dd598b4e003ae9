"""WaveNet sample by sample, with a ring buffer of past inputs for each layer.

A layer with dilation d needs its inputs of d, 2d, ... steps ago. A ring of (taps - 1) · d slots
holds them: the oldest is read and then overwritten by the newest. So a step costs, for each
layer, one product with the taps and one with the gated units, whatever the receptive field is
(Le Paine et al. 2016, "Fast Wavenet Generation Algorithm"). Residual and skip are one product,
added in place: `state` is the residual, followed by the running sum of skips.

Channels are padded with zeros to whole vectors. Several streams advance together and share the
weights that are read.
"""

from functools import cache
from typing import Any

import numpy as np
from numba import njit, types  # pyright: ignore[reportPrivateImportUsage]
from numba.extending import overload

from keiryo.kernels import accumulators, drawing, products, quantization, vector
from keiryo.kernels.drawing import draw_code, draw_level
from keiryo.kernels.openmp import FAST_MATH, array_at, kernel, source_checksum
from keiryo.kernels.products import multiply
from keiryo.kernels.quantization import quantize
from keiryo.kernels.vector import add, load, relu, spread, store, tanh_sigmoid

SIZES = (
    *("steps", "given", "streams", "layers", "taps", "residual", "gate", "skip", "outputs"),
    *("codes", "mixtures", "levels", "rows", "ring_slots", "draws", "keeps_outputs", "weights"),
)
"""The first arguments: steps, of which the first `given` have their sample already; channels,
in whole vectors; codes, or 0 and the mixtures and levels; rows of conditions; slots of all
rings; random numbers per sample; whether outputs are kept; the total number of weights."""

ARRAYS = (
    *("weight_values", "scales", "biases", "head_biases", "table", "dilations", "positions"),
    *("rings", "history", "conditions", "row_of_step", "drawn", "settings", "samples", "kept"),
)
"""The other arguments, in the order of their addresses."""


@njit(fastmath=FAST_MATH)
def _add_to(target: Any, target_at: int, source: Any, source_at: int, count: int) -> None:
    for at in range(0, count, 16):
        store(
            target, target_at + at, add(load(target, target_at + at), load(source, source_at + at))
        )


@njit(fastmath=FAST_MATH)
def _copy(target: Any, target_at: int, source: Any, source_at: int, count: int) -> None:
    for at in range(0, count, 16):
        store(target, target_at + at, load(source, source_at + at))


@njit(fastmath=FAST_MATH)
def _put_input(
    state: Any, state_at: int, residual: int, table: Any, codes: int, history: Any, first: int,
    taps: int,
) -> None:  # fmt: skip
    """Write the input convolution of the last `taps` samples to the residual.

    `table` is its bias, then for each tap, the oldest first, a row for each code, or one row
    for a sample of 1. The code -1 means no sample, as before the first.
    """
    _copy(state, state_at, table, 0, residual)
    rows = max(codes, 1)
    for tap in range(taps):
        value = history[first + tap]
        row = residual * (1 + tap * rows)
        if codes == 0:
            for channel in range(residual):
                state[state_at + channel] += value * table[row + channel]
        elif value >= 0:
            _add_to(state, state_at, table, row + int(value) * residual, residual)


def _product_input(x: Any, width: int, streams: int, whole: Any, scales: Any) -> Any:
    """Return x (streams, width) as products take it: as it is, or quantised into `whole`."""


# Chosen by type, not passed as a function: Numba would not cache the machine code then.
@overload(_product_input, jit_options={"fastmath": FAST_MATH})
def _product_input_by_type(x: Any, width: Any, streams: Any, whole: Any, scales: Any) -> Any:
    def quantize_x(x: Any, width: Any, streams: Any, whole: Any, scales: Any) -> Any:
        quantize(x, width, streams, whole, scales)
        return whole

    def unchanged(x: Any, width: Any, streams: Any, whole: Any, scales: Any) -> Any:
        return x

    return quantize_x if whole.dtype == types.int16 else unchanged


@cache
def generate(kind: Any) -> Any:
    """Return the kernel for weights of `kind`, numpy.float32 or numpy.int8.

    Its arguments are `SIZES` and `ARRAYS`. It writes `samples` (streams, steps) and, if they are
    kept, the outputs of the network (streams, steps, outputs) to `kept`. Positions, rings and
    history continue from the last call. If the network's outputs are not finite, the sample is
    -1 instead of a code, and NaN otherwise.
    """
    called = source_checksum(accumulators, drawing, products, quantization, vector)
    short = np.int16 if kind is np.int8 else np.float32

    def body(a: Any) -> None:
        _ = called
        steps, given, streams, layers, taps = a[0], a[1], a[2], a[3], a[4]
        residual, gate, skip, outputs, codes = a[5], a[6], a[7], a[8], a[9]
        mixtures, levels, rows, ring_slots, draws = a[10], a[11], a[12], a[13], a[14]
        keeps_outputs = a[15] != 0
        input_width, state_width = taps * residual, residual + skip
        weights = array_at(a[17], (a[16],), kind)
        scales = array_at(a[18], (layers * (2 * gate + state_width) + skip + outputs,), np.float32)
        biases = array_at(a[19], (layers * state_width,), np.float32)
        head_biases = array_at(a[20], (skip + outputs,), np.float32)
        table = array_at(a[21], (residual * (1 + taps * max(codes, 1)),), np.float32)
        dilations = array_at(a[22], (layers,), np.int64)
        positions = array_at(a[23], (layers,), np.int64)
        rings = array_at(a[24], (ring_slots * streams * residual,), np.float32)
        history = array_at(a[25], (streams * taps,), np.float32)
        conditions = array_at(a[26], (streams * rows * layers * 2 * gate,), np.float32)
        row_of_step = array_at(a[27], (steps,), np.int64)
        drawn = array_at(a[28], (streams * steps * draws,), np.float64)
        settings = array_at(a[29], (3,), np.float64)
        samples = array_at(a[30], (streams * steps,), np.float32)
        kept = array_at(a[31], (streams * steps * outputs if keeps_outputs else 0,), np.float32)
        temperature, top_p, least_log_scale = settings[0], settings[1], settings[2]

        state = np.zeros(streams * state_width, np.float32)
        inputs = np.zeros(streams * input_width, np.float32)
        gates = np.zeros(streams * 2 * gate, np.float32)
        units = np.zeros(streams * gate, np.float32)
        skips = np.zeros(streams * skip, np.float32)
        hidden = np.zeros(streams * skip, np.float32)
        output = np.zeros(streams * outputs, np.float32)
        probabilities = np.zeros(outputs, np.float32)
        whole = np.zeros(streams * max(input_width, gate, skip), short)
        x_scales = np.ones(streams, np.float32)
        nothing = spread(np.float32(0))

        for step in range(steps):
            for stream in range(streams):
                at = stream * state_width
                _put_input(state, at, residual, table, codes, history, stream * taps, taps)
                for channel in range(residual, state_width, 16):
                    store(state, at + channel, nothing)
            weight, scale, slots = 0, 0, 0
            for layer in range(layers):
                dilation, position = dilations[layer], positions[layer]
                length = (taps - 1) * dilation
                for stream in range(streams):
                    at = stream * input_width
                    for tap in range(taps - 1):
                        slot = position + tap * dilation
                        slot = slots + (slot - length if slot >= length else slot)
                        ring = (slot * streams + stream) * residual
                        _copy(inputs, at + tap * residual, rings, ring, residual)
                    newest = at + (taps - 1) * residual
                    _copy(inputs, newest, state, stream * state_width, residual)
                    ring = ((slots + position) * streams + stream) * residual
                    _copy(rings, ring, state, stream * state_width, residual)
                    row = (stream * rows + row_of_step[step]) * layers + layer
                    _copy(gates, stream * 2 * gate, conditions, row * 2 * gate, 2 * gate)
                positions[layer] = position + 1 if position + 1 < length else 0
                slots += length
                x = _product_input(inputs, input_width, streams, whole, x_scales)
                multiply(
                    *(weights, weight, scales, scale, 2 * gate, input_width, streams),
                    *(x, input_width, x_scales, gates, 2 * gate),
                )
                weight += 2 * gate * input_width
                scale += 2 * gate
                for stream in range(streams):
                    at = stream * 2 * gate
                    for channel in range(0, gate, 16):
                        filtered = load(gates, at + channel)
                        unit = tanh_sigmoid(filtered, load(gates, at + gate + channel))
                        store(units, stream * gate + channel, unit)
                    _add_to(state, stream * state_width, biases, layer * state_width, state_width)
                x = _product_input(units, gate, streams, whole, x_scales)
                multiply(
                    *(weights, weight, scales, scale, state_width, gate, streams),
                    *(x, gate, x_scales, state, state_width),
                )
                weight += state_width * gate
                scale += state_width
            if step >= given or keeps_outputs:
                # ReLU, 1 x 1, ReLU, 1 x 1.
                for stream in range(streams):
                    for channel in range(0, skip, 16):
                        total = load(state, stream * state_width + residual + channel)
                        store(skips, stream * skip + channel, relu(total))
                    _copy(hidden, stream * skip, head_biases, 0, skip)
                    _copy(output, stream * outputs, head_biases, skip, outputs)
                x = _product_input(skips, skip, streams, whole, x_scales)
                multiply(
                    *(weights, weight, scales, scale, skip, skip, streams),
                    *(x, skip, x_scales, hidden, skip),
                )
                weight += skip * skip
                scale += skip
                for at in range(0, streams * skip, 16):
                    store(hidden, at, relu(load(hidden, at)))
                x = _product_input(hidden, skip, streams, whole, x_scales)
                multiply(
                    *(weights, weight, scales, scale, outputs, skip, streams),
                    *(x, skip, x_scales, output, outputs),
                )
            for stream in range(streams):
                at = stream * steps + step
                if keeps_outputs:
                    _copy(kept, at * outputs, output, stream * outputs, outputs)
                if step >= given and codes > 0:
                    samples[at] = draw_code(
                        *(output, stream * outputs, codes, temperature, top_p),
                        *(drawn[at * draws], probabilities),
                    )
                elif step >= given:
                    samples[at] = draw_level(
                        *(output, stream * outputs, mixtures, levels, least_log_scale),
                        *(temperature, drawn, at * draws, probabilities),
                    )
                first = stream * taps
                for tap in range(taps - 1):
                    history[first + tap] = history[first + tap + 1]
                history[first + taps - 1] = samples[at]

    return kernel(body)
