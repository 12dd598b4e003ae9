"""The units of ShuffleNetV2: half of the channels pass, and a shuffle mixes the halves.

Ma et al. 2018, "ShuffleNet V2", section 3.2 and figure 3.
"""

import torch
from torch import Tensor, nn

from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm


class ShuffleUnit(nn.Module):
    """One half of the channels passes, the other is filtered; then the halves are interleaved.

    (N, C, H, W) to (N, C, H, W); figure 3(c).
    """

    def __init__(self, channels: int, *, norm: Norm) -> None:
        super().__init__()
        half = channels // 2
        self.branch = _branch(half, half, stride=1, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        passing, filtered = x.chunk(2, dim=1)
        return interleave(passing, self.branch(filtered))


class ShuffleDownsampling(nn.Module):
    """Two branches filter all channels with stride 2; then their outputs are interleaved.

    (N, C_in, H, W) to (N, C_out, H/2, W/2); figure 3(d).
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: Norm) -> None:
        super().__init__()
        half = out_channels // 2
        self.shortcut = nn.Sequential(
            _depthwise(in_channels, stride=2, norm=norm),
            ConvNormActivation(in_channels, half, 1, norm=norm, activation="relu"),
        )
        self.branch = _branch(in_channels, half, stride=2, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        return interleave(self.shortcut(x), self.branch(x))


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """Return the channels of `a` and `b` in turn, a channel shuffle with two groups.

    Two tensors (N, C, H, W) to (N, 2 C, H, W).
    """
    return torch.stack((a, b), dim=2).flatten(1, 2)


def _branch(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        ConvNormActivation(in_channels, out_channels, 1, norm=norm, activation="relu"),
        _depthwise(out_channels, stride=stride, norm=norm),
        ConvNormActivation(out_channels, out_channels, 1, norm=norm, activation="relu"),
    )


def _depthwise(channels: int, *, stride: int, norm: Norm) -> ConvNormActivation:
    # Without an activation, as in all depthwise steps of the paper.
    return ConvNormActivation(
        channels, channels, 3, stride=stride, groups=channels, norm=norm, activation="none"
    )
