"""MobileNetV3 (Howard et al. 2019, "Searching for MobileNetV3")."""

from torch import nn

from keiryo.models.families.pooled_network import PooledNetwork, round_channels
from keiryo.nn.blocks.inverted_residual import InvertedResidual
from keiryo.nn.blocks.squeeze_excitation import SqueezeExcitation
from keiryo.nn.convolution import Activation, ConvNormActivation, activation_layer
from keiryo.nn.normalization import Norm

Row = tuple[int, int, int, bool, Activation, int]

# Howard et al. 2019, table 2: kernel, expanded channels, output channels, squeeze-and-excitation,
# activation, stride.
SMALL_ROWS: tuple[Row, ...] = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1),
    (5, 144, 48, True, "hard_swish", 1),
    (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1),
    (5, 576, 96, True, "hard_swish", 1),
)

# Table 1.
LARGE_ROWS: tuple[Row, ...] = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1),
    (3, 672, 112, True, "hard_swish", 1),
    (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1),
    (5, 960, 160, True, "hard_swish", 1),
)
STEM_CHANNELS = 16
SMALL_HEAD_CHANNELS = 1024
LARGE_HEAD_CHANNELS = 1280
SQUEEZE_FACTOR = 4  # section 5.3: a quarter of the expanded channels


def mobilenet_v3_small(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build MobileNetV3-Small with width multiplier `width`.

    The stem keeps its channels, and a width below 1.0 does not narrow the layer before the
    classifier, as in `keras.applications`.
    """
    return _mobilenet_v3(classes, SMALL_ROWS, SMALL_HEAD_CHANNELS, width=width, norm=norm)


def mobilenet_v3_large(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build MobileNetV3-Large with width multiplier `width`, as `mobilenet_v3_small` does."""
    return _mobilenet_v3(classes, LARGE_ROWS, LARGE_HEAD_CHANNELS, width=width, norm=norm)


def _mobilenet_v3(
    classes: int, rows: tuple[Row, ...], head_channels: int, *, width: float, norm: Norm
) -> PooledNetwork:
    channels = row_channels = STEM_CHANNELS
    features = nn.Sequential(
        ConvNormActivation(3, channels, 3, stride=2, norm=norm, activation="hard_swish")
    )
    for kernel_size, expanded, row_out_channels, excites, activation, stride in rows:
        out_channels = round_channels(row_out_channels * width)
        # The table's ratio of expansion, of the channels that there are.
        hidden = round_channels(channels * expanded / row_channels)
        features.append(
            InvertedResidual(
                channels,
                out_channels,
                stride=stride,
                hidden=hidden,
                norm=norm,
                kernel_size=kernel_size,
                activation=activation,
                excitation=_excitation(hidden) if excites else None,
            )
        )
        channels, row_channels = out_channels, row_out_channels
    last_expanded = rows[-1][1]
    last_channels = round_channels(last_expanded * width)
    features.append(
        ConvNormActivation(channels, last_channels, 1, norm=norm, activation="hard_swish")
    )
    head_channels = round_channels(head_channels * max(1.0, width))
    # Section 5.1: after the pooling, where it costs least; without a norm.
    head = nn.Sequential(nn.Conv2d(last_channels, head_channels, 1), activation_layer("hard_swish"))
    return PooledNetwork(features, head_channels, classes, head=head)


def _excitation(channels: int) -> SqueezeExcitation:
    squeezed = round_channels(channels / SQUEEZE_FACTOR)
    return SqueezeExcitation(channels, squeezed, activation="relu", gate="hard_sigmoid")
