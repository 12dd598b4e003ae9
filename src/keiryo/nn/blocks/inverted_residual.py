"""Blocks that are narrow at both ends, without activation at the last, and add their input."""

from torch import Tensor, nn

from keiryo.nn.convolution import Activation, ConvNormActivation
from keiryo.nn.normalization import Norm


class LinearBottleneck(nn.Module):
    """A branch whose last layer has no activation; the input is added if the shape is unchanged.

    Sandler et al. 2018, "MobileNetV2", section 3.2.
    """

    def __init__(self, branch: nn.Module, *, adds_input: bool) -> None:
        super().__init__()
        self.branch = branch
        self.adds_input = adds_input

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) if self.adds_input else self.branch(x)


class InvertedResidual(LinearBottleneck):
    """Expand to `hidden` channels by 1 x 1, filter each by K x K, project by 1 x 1.

    Sandler et al. 2018, "MobileNetV2", table 1 and figure 4(d). Without expansion (`hidden` equal
    to `in_channels`), the first step is left out. `excitation` weights the filtered channels
    (Howard et al. 2019, "Searching for MobileNetV3", figure 4).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        hidden: int,
        norm: Norm,
        kernel_size: int = 3,
        activation: Activation = "relu6",
        excitation: nn.Module | None = None,
    ) -> None:
        branch = nn.Sequential()
        if hidden != in_channels:
            branch.add_module(
                "expand",
                ConvNormActivation(in_channels, hidden, 1, norm=norm, activation=activation),
            )
        branch.add_module(
            "depthwise",
            _depthwise(hidden, kernel_size, stride=stride, norm=norm, activation=activation),
        )
        if excitation is not None:
            branch.add_module("excitation", excitation)
        branch.add_module(
            "project", ConvNormActivation(hidden, out_channels, 1, norm=norm, activation="none")
        )
        super().__init__(branch, adds_input=stride == 1 and in_channels == out_channels)


class FusedInvertedResidual(LinearBottleneck):
    """Expand to `hidden` channels by an ordinary 3 x 3 convolution, project by 1 x 1.

    Tan & Le 2021, "EfficientNetV2", figure 2 (Fused-MBConv).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, hidden: int, norm: Norm
    ) -> None:
        branch = nn.Sequential()
        branch.add_module(
            "expand",
            ConvNormActivation(in_channels, hidden, 3, stride=stride, norm=norm, activation="relu"),
        )
        branch.add_module(
            "project", ConvNormActivation(hidden, out_channels, 1, norm=norm, activation="none")
        )
        super().__init__(branch, adds_input=stride == 1 and in_channels == out_channels)


class UniversalInvertedBottleneck(LinearBottleneck):
    """Filter, expand, filter, project: each of the two depthwise filters may be left out.

    Qin et al. 2024, "MobileNetV4", section 3 and figure 4. `first_kernel` and `second_kernel` are
    the sides of the filters before and after the expansion; 0 leaves a filter out. The stride is
    that of the last filter. The first filter has no activation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        first_kernel: int,
        second_kernel: int,
        stride: int,
        hidden: int,
        norm: Norm,
    ) -> None:
        branch = nn.Sequential()
        if first_kernel:
            first_stride = 1 if second_kernel else stride
            branch.add_module(
                "first",
                _depthwise(
                    in_channels, first_kernel, stride=first_stride, norm=norm, activation="none"
                ),
            )
        branch.add_module(
            "expand", ConvNormActivation(in_channels, hidden, 1, norm=norm, activation="relu")
        )
        if second_kernel:
            branch.add_module(
                "second",
                _depthwise(hidden, second_kernel, stride=stride, norm=norm, activation="relu"),
            )
        branch.add_module(
            "project", ConvNormActivation(hidden, out_channels, 1, norm=norm, activation="none")
        )
        super().__init__(branch, adds_input=stride == 1 and in_channels == out_channels)


def zero_residual_scales(network: nn.Module) -> None:
    """Set to 0, in place, the last norm's scale of linear bottlenecks that add their input.

    Each block then begins as its shortcut alone, and the network as a shallow one (Goyal et
    al. 2017, "Accurate, Large Minibatch SGD", section 5.1, do it for ResNet). ResNet's own
    blocks are not changed: their short trainings became worse by it (`docs/recipe.md`).
    """
    for block in network.modules():
        if isinstance(block, LinearBottleneck) and block.adds_input:
            scales = [p for name, p in block.named_parameters() if name.endswith("norm.weight")]
            if scales:
                nn.init.zeros_(scales[-1])


def _depthwise(
    channels: int, kernel_size: int, *, stride: int, norm: Norm, activation: Activation
) -> ConvNormActivation:
    return ConvNormActivation(
        channels,
        channels,
        kernel_size,
        stride=stride,
        groups=channels,
        norm=norm,
        activation=activation,
    )
