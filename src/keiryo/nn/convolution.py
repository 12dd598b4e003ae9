"""Convolution with its normalisation and activation, and the depthwise separable pair."""

from typing import Literal

from torch import nn

from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.normalization import Norm, normalization

Activation = Literal["relu", "relu6", "hard_swish", "silu", "none"]


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
        if activation != "none":
            self.activation = activation_layer(activation)


def activation_layer(kind: Activation) -> nn.Module:
    """Return the activation `kind`, element by element.

    - `relu`: max(x, 0); `relu6`: the same, at most 6.
    - `silu`: x sigmoid(x), also called swish (Ramachandran et al. 2017, section 3).
    - `hard_swish`: x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, "MobileNetV3", section 5.2).
    - `none`: the identity.
    """
    match kind:
        case "relu":
            return nn.ReLU(inplace=True)
        case "relu6":
            return nn.ReLU6(inplace=True)
        # The gradients of these two need their input, which in place would be copied first.
        case "silu":
            return nn.SiLU()
        case "hard_swish":
            return nn.Hardswish()
        case "none":
            return nn.Identity()


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
