"""The kinds of layers, and a check of the rank of their inputs."""

from collections.abc import Sequence
from math import prod

from torch import nn
from torch.nn.modules.conv import _ConvNd

from keiryo.cost.formula.layers import NORMALIZATIONS, Shape
from keiryo.records.costs import LayerKind

_KINDS: tuple[tuple[type | tuple[type, ...], LayerKind], ...] = (
    (nn.Linear, "linear"),
    (nn.MultiheadAttention, "attention"),
    (nn.RNNBase, "recurrent"),
    (NORMALIZATIONS, "normalisation"),
)


def layer_kind(layer: nn.Module) -> LayerKind:
    """Return the kind of `layer`, in the papers' words."""
    if isinstance(layer, _ConvNd):
        if layer.groups == layer.in_channels == layer.out_channels > 1:
            return "depthwise convolution" if prod(layer.kernel_size) > 1 else "convolution"
        is_pointwise = layer.groups == prod(layer.kernel_size) == 1
        return "pointwise convolution" if is_pointwise else "convolution"
    for classes, kind in _KINDS:
        if isinstance(layer, classes):
            return kind
    return "other"


class RankError(ValueError):
    """A convolution was given an input with too few or too many axes."""


def check_rank(layer: nn.Module, shapes: Sequence[Shape]) -> None:
    """Raise RankError for a convolution whose input has no batch, or too few axes.

    PyTorch would take (C, H, W) for one example without its batch. Here the batch always
    comes first, so the shape lacks an axis and another cost would be counted.
    """
    if isinstance(layer, _ConvNd) and shapes and len(shapes[0]) != len(layer.kernel_size) + 2:
        axes = len(layer.kernel_size)
        raise RankError(
            f"takes {axes + 1} sizes (channels and {axes} spatial axes), was given "
            f"{len(shapes[0]) - 1}"
        )
