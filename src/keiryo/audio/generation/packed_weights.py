"""Weights as the compiled loop reads them: in order, in whole vectors."""

from typing import NamedTuple

import numpy as np

from keiryo.audio.generation.layer_weights import LayerWeights, WeightKind, Weights, extract_weights
from keiryo.kernels.products import pack_matrix, pad_to_vectors
from keiryo.kernels.quantization import quantize_rows
from keiryo.models.wavenet import WaveNet


class PackedWeights(NamedTuple):
    """Weights for `keiryo.kernels.wavenet_loop`, and numbers of channels in whole vectors."""

    values: np.ndarray  # all matrices, float32 or int8: two for each layer, then the head's two
    scales: np.ndarray  # a scale for each row of the matrices; ones for float32
    biases: np.ndarray  # (layers, residual + skip)
    head_biases: np.ndarray  # (skip + outputs,)
    table: np.ndarray  # the input convolution: bias, then (taps, input channels, residual)
    layers: int
    residual: int
    gate: int
    skip: int
    outputs: int


def pack(network: WaveNet, kind: WeightKind) -> PackedWeights:
    """Return the weights of `network` packed, rounded to integers if `kind` is int8."""
    weights = extract_weights(network)
    configuration = network.configuration
    residual = pad_to_vectors(configuration.residual_channels)
    gate = pad_to_vectors(configuration.gate_channels)
    skip = pad_to_vectors(configuration.skip_channels)
    outputs = pad_to_vectors(configuration.output_channels)
    matrices: list[np.ndarray] = []
    biases = np.zeros((len(weights.layers), residual + skip), np.float32)
    for index, layer in enumerate(weights.layers):
        matrices.append(_filter_gate(layer, residual, gate))
        both = np.zeros((residual + skip, gate), np.float32)
        _put(both, layer.residual)
        _put(both[residual:], layer.skip)
        matrices.append(both)
        _put(biases[index], layer.residual_bias)
        _put(biases[index, residual:], layer.skip_bias)
    head_biases = np.zeros(skip + outputs, np.float32)
    _put(head_biases, weights.hidden_bias)
    _put(head_biases[skip:], weights.output_bias)
    matrices.append(_put(np.zeros((skip, skip), np.float32), weights.hidden))
    matrices.append(_put(np.zeros((outputs, skip), np.float32), weights.output))
    scales = [np.ones(len(matrix), np.float32) for matrix in matrices]
    if kind == "int8":
        matrices, scales = map(list, zip(*map(quantize_rows, matrices), strict=True))
    return PackedWeights(
        np.concatenate([pack_matrix(matrix) for matrix in matrices]),
        np.concatenate(scales),
        biases,
        head_biases,
        _table(weights, residual),
        len(weights.layers),
        residual,
        gate,
        skip,
        outputs,
    )


def pad_filter_and_gate(rows: np.ndarray, gate: int) -> np.ndarray:
    """Return rows (..., 2 · gate channels) with filter and gate padded to `gate` channels each."""
    *front, both = rows.shape
    filled = np.zeros((*front, 2, gate), np.float32)
    filled[..., : both // 2] = rows.reshape(*front, 2, both // 2)
    return filled.reshape(*front, 2 * gate)


def _filter_gate(layer: LayerWeights, residual: int, gate: int) -> np.ndarray:
    """Return the matrix (2 · gate, taps · residual) for inputs with the oldest tap first."""
    both, channels, taps = layer.filter_gate.shape
    matrix = np.zeros((2, gate, taps, residual), np.float32)
    matrix[:, : both // 2, :, :channels] = layer.filter_gate.reshape(
        2, both // 2, channels, taps
    ).transpose(0, 1, 3, 2)
    return matrix.reshape(2 * gate, taps * residual)


def _table(weights: Weights, residual: int) -> np.ndarray:
    channels, inputs, taps = weights.input.shape
    table = np.zeros((1 + taps * inputs, residual), np.float32)
    table[0, :channels] = weights.input_bias
    table[1:, :channels] = weights.input.transpose(2, 1, 0).reshape(taps * inputs, channels)
    return table


def _put(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Write `source` to the front of `target` and return `target`."""
    target[tuple(slice(size) for size in source.shape)] = source
    return target
