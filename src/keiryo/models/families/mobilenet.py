"""MobileNetV1 (Howard et al. 2017) and MobileNetV2 (Sandler et al. 2018)."""

from torch import nn

from keiryo.models.families.pooled_network import PooledNetwork, round_channels
from keiryo.nn.blocks.inverted_residual import InvertedResidual
from keiryo.nn.convolution import ConvNormActivation, DepthwiseSeparable
from keiryo.nn.normalization import Norm

# Howard et al. 2017, table 1: (output channels, stride of the depthwise step).
MOBILENET_V1_ROWS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)

# Sandler et al. 2018, table 2: expansion t, output channels c, repeats n, first stride s.
MOBILENET_V2_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
V2_STEM_CHANNELS = 32
V2_HEAD_CHANNELS = 1280


def mobilenet_v1(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build MobileNetV1 with width multiplier `width` (section 3.3)."""
    channels = int(32 * width)
    features = nn.Sequential(
        ConvNormActivation(3, channels, 3, stride=2, norm=norm, activation="relu6")
    )
    for row_channels, stride in MOBILENET_V1_ROWS:
        out_channels = int(row_channels * width)
        features.append(DepthwiseSeparable(channels, out_channels, stride=stride, norm=norm))
        channels = out_channels
    return PooledNetwork(features, channels, classes)


def mobilenet_v2(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build MobileNetV2 with width multiplier `width`, called alpha by Keras.

    A width above 1.0 widens the last 1 x 1 convolution; a width below 1.0 does not narrow it
    (section 6.1).
    """
    channels = round_channels(V2_STEM_CHANNELS * width)
    features = nn.Sequential(
        ConvNormActivation(3, channels, 3, stride=2, norm=norm, activation="relu6")
    )
    for expansion, row_channels, repeats, first_stride in MOBILENET_V2_ROWS:
        out_channels = round_channels(row_channels * width)
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            features.append(
                InvertedResidual(
                    channels, out_channels, stride=stride, hidden=channels * expansion, norm=norm
                )
            )
            channels = out_channels
    head_channels = round_channels(V2_HEAD_CHANNELS * max(1.0, width))
    features.append(ConvNormActivation(channels, head_channels, 1, norm=norm, activation="relu6"))
    return PooledNetwork(features, head_channels, classes)
