"""VGG (Simonyan & Zisserman 2014, "Very Deep Convolutional Networks")."""

from torch import Tensor, nn

from keiryo.nn.initialization import he_initialize
from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.normalization import Norm, normalization
from keiryo.nn.pooling import AdaptiveAvgPool2d

# Simonyan & Zisserman 2014, table 1: the number of 3 x 3 convolutions in each of the five
# stages; a 2 x 2 max pooling follows each stage.
STAGE_CHANNELS = (64, 128, 256, 512, 512)
VGG_COLUMNS = {
    11: (1, 1, 2, 2, 2),  # column A
    13: (2, 2, 2, 2, 2),  # column B
    16: (2, 2, 3, 3, 3),  # column D
    19: (2, 2, 4, 4, 4),  # column E
}
POOLED_SIZE = 7
HIDDEN_FEATURES = 4096


class VGG(nn.Module):
    """Five stages of 3 x 3 convolutions, three linear layers: (N, 3, H, W) to (N, classes)."""

    def __init__(self, classes: int, *, convolutions: tuple[int, ...], norm: Norm) -> None:
        super().__init__()
        self.features = nn.Sequential()
        channels = 3
        for repeats, out_channels in zip(convolutions, STAGE_CHANNELS, strict=True):
            for _ in range(repeats):
                self.features.append(_convolution(channels, out_channels, norm=norm))
                channels = out_channels
            self.features.append(nn.MaxPool2d(2))
        # The paper's input of 224 x 224 is 7 x 7 here and passes unchanged; any other size is
        # pooled to 7 x 7, so that the parameters remain the paper's.
        self.pool = AdaptiveAvgPool2d(POOLED_SIZE)
        self.classifier = nn.Sequential(
            nn.Linear(channels * POOLED_SIZE**2, HIDDEN_FEATURES),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(HIDDEN_FEATURES, HIDDEN_FEATURES),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(HIDDEN_FEATURES, classes),
        )
        he_initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))


def vgg11(classes: int, *, norm: Norm = "none") -> VGG:
    """Build VGG-11 (column A), by default without a norm, as in the paper."""
    return VGG(classes, convolutions=VGG_COLUMNS[11], norm=norm)


def vgg13(classes: int, *, norm: Norm = "none") -> VGG:
    """Build VGG-13 (column B), by default without a norm, as in the paper."""
    return VGG(classes, convolutions=VGG_COLUMNS[13], norm=norm)


def vgg16(classes: int, *, norm: Norm = "none") -> VGG:
    """Build VGG-16 (column D), by default without a norm, as in the paper."""
    return VGG(classes, convolutions=VGG_COLUMNS[16], norm=norm)


def vgg19(classes: int, *, norm: Norm = "none") -> VGG:
    """Build VGG-19 (column E), by default without a norm, as in the paper."""
    return VGG(classes, convolutions=VGG_COLUMNS[19], norm=norm)


def _convolution(in_channels: int, out_channels: int, *, norm: Norm) -> FusedSequential:
    # Unlike the other families, the published VGG has biases before a norm too.
    return FusedSequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        normalization(norm, out_channels),
        nn.ReLU(inplace=True),
    )
