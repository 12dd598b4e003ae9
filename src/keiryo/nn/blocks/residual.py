"""ResNet's blocks, which add their input and then rectify the sum."""

from torch import Tensor, nn

from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm


class ResidualBlock(nn.Module):
    """A branch with its input added, then a ReLU.

    He et al. 2015, "Deep Residual Learning", equation 1.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.branch(x) + self.shortcut(x))


class BasicBlock(ResidualBlock):
    """Two 3 x 3 convolutions (He et al. 2015, figure 5, left)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, *, stride: int, norm: Norm) -> None:
        branch = nn.Sequential(
            ConvNormActivation(in_channels, width, 3, stride=stride, norm=norm, activation="relu"),
            ConvNormActivation(width, width, 3, norm=norm, activation="none"),
        )
        super().__init__(branch, projection_shortcut(in_channels, width, stride=stride, norm=norm))


class Bottleneck(ResidualBlock):
    """1 x 1 down, 3 x 3, 1 x 1 up (He et al. 2015, figure 5, right).

    The stride is on the 3 x 3 convolution, as in torchvision's published weights.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, *, stride: int, norm: Norm) -> None:
        out_channels = width * self.expansion
        branch = nn.Sequential(
            ConvNormActivation(in_channels, width, 1, norm=norm, activation="relu"),
            ConvNormActivation(width, width, 3, stride=stride, norm=norm, activation="relu"),
            ConvNormActivation(width, out_channels, 1, norm=norm, activation="none"),
        )
        super().__init__(
            branch, projection_shortcut(in_channels, out_channels, stride=stride, norm=norm)
        )


def projection_shortcut(
    in_channels: int, out_channels: int, *, stride: int, norm: Norm
) -> nn.Module:
    """Return the identity, or a 1 x 1 projection if the shape changes (He et al., option B)."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNormActivation(
        in_channels, out_channels, 1, stride=stride, norm=norm, activation="none"
    )
