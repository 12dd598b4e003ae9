"""EfficientNet (Tan & Le 2019, "EfficientNet: Rethinking Model Scaling") and EfficientNet-Lite."""

from torch import nn

from keiryo.models.families.pooled_network import PooledNetwork, round_channels
from keiryo.nn.blocks.inverted_residual import InvertedResidual
from keiryo.nn.blocks.squeeze_excitation import SqueezeExcitation
from keiryo.nn.convolution import Activation, ConvNormActivation
from keiryo.nn.normalization import Norm

# Tan & Le 2019, table 1, stages 2 to 8: expansion, kernel, output channels, repeats, first stride.
EFFICIENTNET_B0_ROWS = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
SQUEEZE_FACTOR = 4  # a quarter of the block's input channels


def efficientnet_b0(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build EfficientNet-B0 with width multiplier `width` (section 3.1)."""
    return _efficientnet(
        classes,
        stem_channels=round_channels(STEM_CHANNELS * width),
        head_channels=round_channels(HEAD_CHANNELS * width),
        width=width,
        norm=norm,
        activation="silu",
        excites=True,
    )


def efficientnet_lite0(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build EfficientNet-Lite0 with width multiplier `width`.

    Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite" (the TensorFlow blog): for
    8-bit integers there is no squeeze-and-excitation, and ReLU6 takes the place of swish. The width
    changes neither stem nor head.
    """
    return _efficientnet(
        classes,
        stem_channels=STEM_CHANNELS,
        head_channels=HEAD_CHANNELS,
        width=width,
        norm=norm,
        activation="relu6",
        excites=False,
    )


def _efficientnet(
    classes: int,
    *,
    stem_channels: int,
    head_channels: int,
    width: float,
    norm: Norm,
    activation: Activation,
    excites: bool,
) -> PooledNetwork:
    features = nn.Sequential(
        ConvNormActivation(3, stem_channels, 3, stride=2, norm=norm, activation=activation)
    )
    channels = stem_channels
    for expansion, kernel_size, row_channels, repeats, first_stride in EFFICIENTNET_B0_ROWS:
        out_channels = round_channels(row_channels * width)
        for repeat in range(repeats):
            hidden = channels * expansion
            squeezed = channels // SQUEEZE_FACTOR
            features.append(
                InvertedResidual(
                    channels,
                    out_channels,
                    stride=first_stride if repeat == 0 else 1,
                    hidden=hidden,
                    norm=norm,
                    kernel_size=kernel_size,
                    activation=activation,
                    excitation=SqueezeExcitation(
                        hidden, squeezed, activation=activation, gate="sigmoid"
                    )
                    if excites
                    else None,
                )
            )
            channels = out_channels
    features.append(
        ConvNormActivation(channels, head_channels, 1, norm=norm, activation=activation)
    )
    return PooledNetwork(features, head_channels, classes)
