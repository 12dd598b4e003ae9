"""The names of the modules of EfficientNet."""

import itertools

from keiryo.models.families.efficientnet import EFFICIENTNET_B0_ROWS
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm
from keiryo.models.weights.names.inverted_residual_names import (
    timm_inverted_residual,
    torchvision_inverted_residual,
)


def timm_efficientnet(*, excites: bool) -> Names:
    """Yield timm's names for efficientnet_b0 and efficientnet_lite0: a stage is a row."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    place = itertools.count(1)
    for stage, (expansion, _, _, repeats, _) in enumerate(EFFICIENTNET_B0_ROWS):
        for repeat in range(repeats):
            yield from timm_inverted_residual(
                f"features.{next(place)}",
                f"blocks.{stage}.{repeat}",
                expands=expansion > 1,
                excites=excites,
            )
    yield from convolution_with_norm(f"features.{next(place)}", "conv_head", "bn2")
    yield "classifier", "classifier"


def torchvision_efficientnet() -> Names:
    """Yield torchvision's names for efficientnet_b0: a stage is a row."""
    yield from convolution_with_norm("features.0", "features.0.0", "features.0.1")
    place = itertools.count(1)
    for stage, (expansion, _, _, repeats, _) in enumerate(EFFICIENTNET_B0_ROWS, 1):
        for repeat in range(repeats):
            yield from torchvision_inverted_residual(
                f"features.{next(place)}",
                f"features.{stage}.{repeat}",
                expands=expansion > 1,
                excites=True,
            )
    last = f"features.{len(EFFICIENTNET_B0_ROWS) + 1}"
    yield from convolution_with_norm(f"features.{next(place)}", f"{last}.0", f"{last}.1")
    yield "classifier", "classifier.1"
