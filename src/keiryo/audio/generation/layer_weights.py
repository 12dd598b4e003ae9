"""The weights of a WaveNet as plain matrices: weight norm applied, missing biases zero."""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from keiryo.models.wavenet import WaveNet

WeightKind = Literal["float32", "int8"]


class LayerWeights(NamedTuple):
    """One layer's weights: filter_gate (2 · gate, residual, taps), residual and skip (C, gate)."""

    filter_gate: np.ndarray
    residual: np.ndarray
    skip: np.ndarray
    residual_bias: np.ndarray
    skip_bias: np.ndarray


class Weights(NamedTuple):
    """A network's weights without conditions; `input` (residual, input channels, taps)."""

    input: np.ndarray
    input_bias: np.ndarray
    layers: list[LayerWeights]
    hidden: np.ndarray
    hidden_bias: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray


def extract_weights(network: WaveNet) -> Weights:
    """Return the weights of `network` as float32."""
    channels = network.configuration.residual_channels
    layers = []
    for layer in network.units:
        skip = _array(layer.skip.weight)[..., 0]
        if layer.residual is None:
            residual, residual_bias = np.zeros((channels, skip.shape[1]), np.float32), None
        else:
            residual, residual_bias = _array(layer.residual.weight)[..., 0], layer.residual.bias
        layers.append(
            LayerWeights(
                _array(layer.filter_gate.weight),
                residual,
                skip,
                np.zeros(channels, np.float32) if residual_bias is None else _array(residual_bias),
                _bias(layer.skip),
            )
        )
    hidden, output = network.hidden, network.output
    return Weights(
        _array(network.input.weight),
        _bias(network.input),
        layers,
        _array(hidden.weight)[..., 0],
        _bias(hidden),
        _array(output.weight)[..., 0],
        _bias(output),
    )


def round_to_int8(network: WaveNet) -> WaveNet:
    """Return a copy of `network` with the weights that generation in int8 uses.

    Weights of layers and head are integers times a scale for each row; input, conditions and
    biases are not rounded. The copy's loss on held-out recordings shows the cost of int8.
    (Generation also rounds the inputs of each product, to 16 bits.)
    """
    from keiryo.kernels.quantization import quantize_rows

    rounded = WaveNet(replace(network.configuration, weight_norm=False))
    with torch.no_grad():
        for name, module in rounded.named_modules():
            # With weight norm, a weight is computed when its attribute is read.
            original = network.get_submodule(name)
            for own, parameter in module.named_parameters(recurse=False):
                parameter.copy_(getattr(original, own))
    products = [rounded.hidden, rounded.output]
    for layer in rounded.units:
        products += filter(None, (layer.filter_gate, layer.residual, layer.skip))
    for product in products:
        weight = product.weight
        whole, scales = quantize_rows(_array(weight).reshape(len(weight), -1))
        values = (whole * scales[:, None]).reshape(weight.shape)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(values))
    return rounded


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().float().numpy()


def _bias(layer: nn.Conv1d) -> np.ndarray:
    if layer.bias is None:
        return np.zeros(layer.out_channels, np.float32)
    return _array(layer.bias)
