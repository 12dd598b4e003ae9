"""ShuffleNetV2 (Ma et al. 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN Design")."""

from torch import nn

from keiryo.models.families.pooled_network import PooledNetwork
from keiryo.nn.blocks.shuffle import ShuffleDownsampling, ShuffleUnit
from keiryo.nn.convolution import ConvNormActivation
from keiryo.nn.normalization import Norm

# Ma et al. 2018, table 5: output channels of stages 2 to 4 and of the last convolution, by width.
SHUFFLENET_V2_COLUMNS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
STAGE_REPEATS = (4, 8, 4)
STEM_CHANNELS = 24


def shufflenet_v2(classes: int, *, width: float = 1.0, norm: Norm = "batch") -> PooledNetwork:
    """Build ShuffleNetV2 of one of the paper's widths.

    Raises ValueError for another width.
    """
    if width not in SHUFFLENET_V2_COLUMNS:
        known = ", ".join(map(str, SHUFFLENET_V2_COLUMNS))
        raise ValueError(f"the paper has no width {width}; give one of {known}")
    *stage_channels, head_channels = SHUFFLENET_V2_COLUMNS[width]
    features = nn.Sequential(
        ConvNormActivation(3, STEM_CHANNELS, 3, stride=2, norm=norm, activation="relu"),
        nn.MaxPool2d(3, stride=2, padding=1),
    )
    channels = STEM_CHANNELS
    for out_channels, repeats in zip(stage_channels, STAGE_REPEATS, strict=True):
        features.append(ShuffleDownsampling(channels, out_channels, norm=norm))
        for _ in range(repeats - 1):
            features.append(ShuffleUnit(out_channels, norm=norm))
        channels = out_channels
    features.append(ConvNormActivation(channels, head_channels, 1, norm=norm, activation="relu"))
    return PooledNetwork(features, head_channels, classes)
