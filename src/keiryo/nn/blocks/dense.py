"""Blocks that concatenate their output to their input, so that channels grow.

Huang et al. 2017, "Densely Connected Convolutional Networks", section 3.
"""

import torch
from torch import Tensor, nn

from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.normalization import Norm, normalization

BOTTLENECK_FACTOR = 4  # Huang et al., section 3, "Bottleneck layers": 4k channels


class DenseLayer(nn.Module):
    """Norm-ReLU-1x1, norm-ReLU-3x3; appends `growth` channels to its input.

    (N, C, H, W) to (N, C + growth, H, W).
    """

    def __init__(self, in_channels: int, *, growth: int, norm: Norm) -> None:
        super().__init__()
        width = BOTTLENECK_FACTOR * growth
        bias = norm == "none"
        self.branch = FusedSequential(
            normalization(norm, in_channels),
            # Not in place: the input is still to be concatenated.
            nn.ReLU(),
            nn.Conv2d(in_channels, width, 1, bias=bias),
            normalization(norm, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, growth, 3, padding=1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.branch(x)), dim=1)


class DenseBlock(nn.Sequential):
    """`layers` dense layers: (N, C, H, W) to (N, C + layers x growth, H, W)."""

    def __init__(self, in_channels: int, *, layers: int, growth: int, norm: Norm) -> None:
        super().__init__(
            *(
                DenseLayer(in_channels + index * growth, growth=growth, norm=norm)
                for index in range(layers)
            )
        )
        self.out_channels = in_channels + layers * growth


class Transition(FusedSequential):
    """Norm-ReLU-1x1 that cuts the channels back, then 2 x 2 average pooling.

    (N, C, H, W) to (N, out_channels, H/2, W/2).
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: Norm) -> None:
        super().__init__(
            normalization(norm, in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1, bias=norm == "none"),
            nn.AvgPool2d(2),
        )
