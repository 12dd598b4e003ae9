"""Blocks that add their input to their output."""

from torch import Tensor, nn

from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm


class InvertedResidual(nn.Module):
    """Expand by 1 x 1, filter by 3 x 3 depthwise, project by 1 x 1 without activation.

    Sandler et al. 2018, "MobileNetV2", table 1 and figure 4(d). The input is added if the
    stride is 1 and the channel counts are equal.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, expansion: int, norm: Norm
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.branch = nn.Sequential()
        if expansion != 1:
            self.branch.add_module(
                "expand",
                ConvNormActivation(in_channels, hidden, 1, norm=norm, activation="relu6"),
            )
        self.branch.add_module(
            "depthwise",
            ConvNormActivation(
                hidden, hidden, 3, stride=stride, groups=hidden, norm=norm, activation="relu6"
            ),
        )
        self.branch.add_module(
            "project", ConvNormActivation(hidden, out_channels, 1, norm=norm, activation="none")
        )
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) if self.adds_input else self.branch(x)


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


def zero_residual_scales(network: nn.Module) -> None:
    """Set to 0, in place, the last norm's scale of inverted residuals that add their input.

    Each block then begins as its shortcut alone, and the network as a shallow one (Goyal et
    al. 2017, "Accurate, Large Minibatch SGD", section 5.1, do it for ResNet). ResNet's own
    blocks are not changed: their short trainings became worse by it (`docs/recipe.md`).
    """
    for block in network.modules():
        if isinstance(block, InvertedResidual) and block.adds_input:
            scales = [p for name, p in block.named_parameters() if name.endswith("norm.weight")]
            if scales:
                nn.init.zeros_(scales[-1])


def projection_shortcut(
    in_channels: int, out_channels: int, *, stride: int, norm: Norm
) -> nn.Module:
    """Return the identity, or a 1 x 1 projection if the shape changes (He et al., option B)."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ConvNormActivation(
        in_channels, out_channels, 1, stride=stride, norm=norm, activation="none"
    )
