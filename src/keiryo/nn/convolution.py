"""Convolution with its normalisation and activation, and the depthwise separable pair."""

from typing import Literal

from torch import nn

from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.normalization import Norm, normalization

Activation = Literal["relu", "relu6", "none"]


class ConvNormActivation(FusedSequential):
    """Convolution, normalisation, activation: (N, C_in, H, W) to (N, C_out, H/stride, W/stride).

    The convolution has a bias only if no normalisation follows it, since a normalisation
    would subtract it again.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        norm: Norm,
        activation: Activation,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=norm == "none",
        )
        self.norm = normalization(norm, out_channels)
        if activation == "relu":
            self.activation = nn.ReLU(inplace=True)
        elif activation == "relu6":
            self.activation = nn.ReLU6(inplace=True)


class DepthwiseSeparable(nn.Sequential):
    """A K x K convolution per channel, then a 1 x 1 convolution across channels.

    Howard et al. 2017, "MobileNets", section 3.1 and figure 3 (right). It takes
    1/C_out + 1/K² of the ordinary convolution's multiply-accumulates.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, norm: Norm, kernel_size: int = 3
    ) -> None:
        super().__init__()
        self.depthwise = ConvNormActivation(
            in_channels,
            in_channels,
            kernel_size,
            stride=stride,
            groups=in_channels,
            norm=norm,
            activation="relu6",
        )
        self.pointwise = ConvNormActivation(
            in_channels, out_channels, 1, norm=norm, activation="relu6"
        )
