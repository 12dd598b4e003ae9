"""DenseNet (Huang et al. 2017, "Densely Connected Convolutional Networks")."""

from torch import Tensor, nn

from keiryo.nn.blocks.dense import DenseBlock, Transition
from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.initialization import he_initialize
from keiryo.nn.norm_activation import FusedSequential
from keiryo.nn.normalization import Norm, normalization

# Huang et al. 2017, table 1: dense layers in each of the four blocks, growth rate 32.
DENSENET_COLUMNS = {
    121: (6, 12, 24, 16),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}
IMAGENET_GROWTH = 32
STEM_FACTORS = (1, 2, 4, 8)
PAPER_SIZE = 32  # section 4.1: the images of CIFAR
COMPRESSION = 0.5  # section 3, "Compression": the theta of the BC form


class DenseNet(nn.Module):
    """A stem, dense blocks with transitions between them, one linear layer.

    (N, 3, H, W) to (N, classes).
    """

    def __init__(
        self,
        classes: int,
        *,
        stem: nn.Module,
        stem_channels: int,
        layers: tuple[int, ...],
        growth: int,
        norm: Norm,
    ) -> None:
        super().__init__()
        self.features = FusedSequential(stem)
        channels = stem_channels
        for index, block_layers in enumerate(layers):
            block = DenseBlock(channels, layers=block_layers, growth=growth, norm=norm)
            self.features.append(block)
            channels = block.out_channels
            if index < len(layers) - 1:
                compressed = int(channels * COMPRESSION)
                self.features.append(Transition(channels, compressed, norm=norm))
                channels = compressed
        self.features.append(normalization(norm, channels))
        self.features.append(nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)
        # The convolutions have many more input than output channels. Without a norm, the signal
        # would grow by that factor in each.
        he_initialize(self, convolutions="forward" if norm == "none" else "backward")

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.pool(self.features(x)).flatten(1))


def densenet(
    classes: int,
    *,
    layers: tuple[int, ...] = (16, 16, 16),
    growth: int = 12,
    stem: int = 1,
    norm: Norm = "batch",
) -> DenseNet:
    """Build the small DenseNet-BC of the paper's CIFAR experiments (section 4.2).

    `stem` is the factor by which the stem reduces the image: 1, 2, 4 or 8. At 1, it is the paper's:
    one 3 x 3 convolution to twice the growth rate, at full resolution. Each factor of 2 is one such
    convolution with stride 2. The other defaults are the paper's L = 100, k = 12.

    Raises ValueError for another factor.
    """
    if stem not in STEM_FACTORS:
        raise ValueError(f"stem={stem} is none of {', '.join(map(str, STEM_FACTORS))}")
    channels = 2 * growth
    convolutions = nn.Sequential()
    in_channels = 3
    for _ in range(STEM_FACTORS.index(stem) - 1):
        convolutions.append(
            ConvNormActivation(in_channels, channels, 3, stride=2, norm=norm, activation="relu")
        )
        in_channels = channels
    # The last one has no norm: each dense layer begins with one.
    stride = 1 if stem == 1 else 2
    last = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=norm == "none")
    return DenseNet(
        classes,
        stem=convolutions.append(last) if len(convolutions) else last,
        stem_channels=channels,
        layers=layers,
        growth=growth,
        norm=norm,
    )


def fitting_stem(size: int) -> int:
    """Return the stem of `densenet` for images of `size` x `size` pixels.

    The largest that leaves the first block a side of 32 pixels, as the paper's images have. Below
    512 pixels, time and memory are then at most four times those at 32 pixels.
    """
    fitting = [factor for factor in STEM_FACTORS if size // factor >= PAPER_SIZE]
    return max(fitting, default=1)


def densenet121(classes: int, *, norm: Norm = "batch") -> DenseNet:
    """Build DenseNet-121."""
    return _imagenet_densenet(classes, depth=121, norm=norm)


def densenet169(classes: int, *, norm: Norm = "batch") -> DenseNet:
    """Build DenseNet-169."""
    return _imagenet_densenet(classes, depth=169, norm=norm)


def densenet201(classes: int, *, norm: Norm = "batch") -> DenseNet:
    """Build DenseNet-201."""
    return _imagenet_densenet(classes, depth=201, norm=norm)


def _imagenet_densenet(classes: int, *, depth: int, norm: Norm) -> DenseNet:
    stem_channels = 2 * IMAGENET_GROWTH
    stem = nn.Sequential(
        ConvNormActivation(3, stem_channels, 7, stride=2, norm=norm, activation="relu"),
        nn.MaxPool2d(3, stride=2, padding=1),
    )
    return DenseNet(
        classes,
        stem=stem,
        stem_channels=stem_channels,
        layers=DENSENET_COLUMNS[depth],
        growth=IMAGENET_GROWTH,
        norm=norm,
    )
