"""ResNet (He et al. 2015, "Deep Residual Learning for Image Recognition")."""

from torch import Tensor, nn

from keiryo.models.families.pooled_network import round_channels
from keiryo.nn.blocks.residual import BasicBlock, Bottleneck
from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.initialization import he_initialize
from keiryo.nn.normalization import Norm

# He et al. 2015, table 1: the block and its repeats in stages conv2_x to conv5_x.
RESNET_COLUMNS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}
STAGE_WIDTHS = (64, 128, 256, 512)


class ResNet(nn.Module):
    """A 7 x 7 stem, four stages of residual blocks, one linear layer.

    (N, 3, H, W) to (N, classes).
    """

    def __init__(self, classes: int, *, depth: int, width: float, norm: Norm) -> None:
        super().__init__()
        block, stage_repeats = RESNET_COLUMNS[depth]
        stage_widths = [round_channels(stage_width * width) for stage_width in STAGE_WIDTHS]
        channels = stage_widths[0]
        self.features = nn.Sequential(
            ConvNormActivation(3, channels, 7, stride=2, norm=norm, activation="relu"),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        for stage, (stage_width, repeats) in enumerate(
            zip(stage_widths, stage_repeats, strict=True)
        ):
            for repeat in range(repeats):
                stride = 2 if stage > 0 and repeat == 0 else 1
                self.features.append(block(channels, stage_width, stride=stride, norm=norm))
                channels = stage_width * block.expansion
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)
        he_initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))


def resnet18(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> ResNet:
    """Build ResNet-18; `width` multiplies the channels of every layer."""
    return ResNet(classes, depth=18, width=width, norm=norm)


def resnet34(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> ResNet:
    """Build ResNet-34; `width` multiplies the channels of every layer."""
    return ResNet(classes, depth=34, width=width, norm=norm)


def resnet50(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> ResNet:
    """Build ResNet-50, with the stride on the 3 x 3 convolutions ("v1.5"); `width` as above."""
    return ResNet(classes, depth=50, width=width, norm=norm)
