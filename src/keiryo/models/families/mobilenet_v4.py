"""MobileNetV4 (Qin et al. 2024, "MobileNetV4: Universal Models for the Mobile Ecosystem")."""

from typing import NamedTuple

import torch
from torch import nn

from keiryo.models.families.pooled_network import PooledNetwork, round_channels
from keiryo.nn.blocks.inverted_residual import FusedInvertedResidual, UniversalInvertedBottleneck
from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm


class Conv(NamedTuple):
    """A row "Conv2D" of the paper's tables."""

    kernel_size: int
    channels: int
    stride: int = 1


class Fused(NamedTuple):
    """A row "FusedIB"."""

    expansion: float
    channels: int
    stride: int = 1


class Universal(NamedTuple):
    """A row "ExtraDW", "IB", "ConvNext" or "FFN": both filters, one of the two, or none.

    `first_kernel` and `second_kernel` are the columns DW K1 and DW K2; 0 stands for "-".
    """

    first_kernel: int
    second_kernel: int
    expansion: float
    channels: int
    stride: int = 1


Row = Conv | Fused | Universal

# Qin et al. 2024, appendix: the architecture of MNv4-Conv-S.
CONV_SMALL_ROWS: tuple[Row, ...] = (
    Conv(3, 32, stride=2),
    Conv(1, 32),
    Conv(3, 96, stride=2),
    Conv(1, 64),
    Universal(5, 5, 3, 96, stride=2),
    Universal(0, 3, 2, 96),
    Universal(0, 3, 2, 96),
    Universal(0, 3, 2, 96),
    Universal(0, 3, 2, 96),
    Universal(3, 0, 4, 96),
    Universal(3, 3, 6, 128, stride=2),
    Universal(5, 5, 4, 128),
    Universal(0, 5, 4, 128),
    Universal(0, 5, 3, 128),
    Universal(0, 3, 4, 128),
    Universal(0, 3, 4, 128),
)

# The architecture of MNv4-Conv-M.
CONV_MEDIUM_ROWS: tuple[Row, ...] = (
    Fused(4, 48, stride=2),
    Universal(3, 5, 4, 80, stride=2),
    Universal(3, 3, 2, 80),
    Universal(3, 5, 6, 160, stride=2),
    Universal(3, 3, 4, 160),
    Universal(3, 3, 4, 160),
    Universal(3, 5, 4, 160),
    Universal(3, 3, 4, 160),
    Universal(3, 0, 4, 160),
    Universal(0, 0, 2, 160),
    Universal(3, 0, 4, 160),
    Universal(5, 5, 6, 256, stride=2),
    Universal(5, 5, 4, 256),
    Universal(3, 5, 4, 256),
    Universal(3, 5, 4, 256),
    Universal(0, 0, 4, 256),
    Universal(3, 0, 4, 256),
    Universal(3, 5, 2, 256),
    Universal(5, 5, 4, 256),
    Universal(0, 0, 4, 256),
    Universal(0, 0, 4, 256),
    Universal(5, 0, 2, 256),
)
STEM_CHANNELS = 32
LAST_CHANNELS = 960
HEAD_CHANNELS = 1280


def mobilenet_v4_conv_small(
    classes: int, *, width: float = 1.0, norm: Norm = "batch"
) -> PooledNetwork:
    """Build MNv4-Conv-S with width multiplier `width`.

    A width below 1.0 narrows neither the stem nor the layer before the classifier, as in timm.
    """
    return _mobilenet_v4(classes, CONV_SMALL_ROWS, width=width, norm=norm)


def mobilenet_v4_conv_medium(
    classes: int, *, width: float = 1.0, norm: Norm = "batch"
) -> PooledNetwork:
    """Build MNv4-Conv-M with width multiplier `width`, as `mobilenet_v4_conv_small` does."""
    return _mobilenet_v4(classes, CONV_MEDIUM_ROWS, width=width, norm=norm)


def _mobilenet_v4(
    classes: int, rows: tuple[Row, ...], *, width: float, norm: Norm
) -> PooledNetwork:
    channels = round_channels(STEM_CHANNELS * max(1.0, width))
    features = nn.Sequential(
        ConvNormActivation(3, channels, 3, stride=2, norm=norm, activation="relu")
    )
    for row in rows:
        out_channels = round_channels(row.channels * width)
        features.append(_block(row, channels, out_channels, norm=norm))
        channels = out_channels
    last_channels = round_channels(LAST_CHANNELS * width)
    features.append(ConvNormActivation(channels, last_channels, 1, norm=norm, activation="relu"))
    head_channels = round_channels(HEAD_CHANNELS * max(1.0, width))
    # One pixel has no deviation by which an instance norm could divide.
    head_norm = "none" if norm == "instance" else norm
    head = ConvNormActivation(last_channels, head_channels, 1, norm=head_norm, activation="relu")
    network = PooledNetwork(features, head_channels, classes, head=head)
    if norm == "none":
        _keep_variance(network)
    return network


def _keep_variance(network: nn.Module) -> None:
    """Halve, in place, the variance of the filters that no activation follows.

    He's initialisation doubles it for the half that a ReLU takes away. Without norms, the signal
    would grow by that factor in each block.
    """
    for name, weight in network.named_parameters():
        if name.endswith("branch.first.convolution.weight"):
            with torch.no_grad():
                weight.mul_(0.5**0.5)


def _block(row: Row, channels: int, out_channels: int, *, norm: Norm) -> nn.Module:
    match row:
        case Conv(kernel_size=kernel_size, stride=stride):
            return ConvNormActivation(
                channels, out_channels, kernel_size, stride=stride, norm=norm, activation="relu"
            )
        case Fused(expansion=expansion, stride=stride):
            hidden = round_channels(channels * expansion)
            return FusedInvertedResidual(
                channels, out_channels, stride=stride, hidden=hidden, norm=norm
            )
        case Universal():
            return UniversalInvertedBottleneck(
                channels,
                out_channels,
                first_kernel=row.first_kernel,
                second_kernel=row.second_kernel,
                stride=row.stride,
                hidden=round_channels(channels * row.expansion),
                norm=norm,
            )
