"""The names of the modules of MobileNetV3."""

import itertools

from keiryo.models.families.mobilenet_v3 import STEM_CHANNELS, Row
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm
from keiryo.models.weights.names.inverted_residual_names import (
    timm_inverted_residual,
    torchvision_inverted_residual,
)


def timm_mobilenet_v3(rows: tuple[Row, ...]) -> Names:
    """Yield timm's names for mobilenetv3_*: a stage is a run of rows with the same channels."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    place = itertools.count(1)
    channels = STEM_CHANNELS
    stage = 0
    for stage, (_, stage_rows) in enumerate(itertools.groupby(rows, key=lambda row: row[2])):
        for repeat, (_, expanded, out_channels, excites, _, _) in enumerate(stage_rows):
            yield from timm_inverted_residual(
                f"features.{next(place)}",
                f"blocks.{stage}.{repeat}",
                expands=expanded != channels,
                excites=excites,
            )
            channels = out_channels
    last = f"blocks.{stage + 1}.0"
    yield from convolution_with_norm(f"features.{next(place)}", f"{last}.conv", f"{last}.bn1")
    yield "head.0", "conv_head"
    yield "classifier", "classifier"


def torchvision_mobilenet_v3(rows: tuple[Row, ...]) -> Names:
    """Yield torchvision's names for mobilenet_v3_*: features have the same numbers as keiryo's."""
    yield from convolution_with_norm("features.0", "features.0.0", "features.0.1")
    channels = STEM_CHANNELS
    for number, (_, expanded, out_channels, excites, _, _) in enumerate(rows, 1):
        block = f"features.{number}"
        yield from torchvision_inverted_residual(
            block, block, expands=expanded != channels, excites=excites
        )
        channels = out_channels
    last = f"features.{len(rows) + 1}"
    yield from convolution_with_norm(last, f"{last}.0", f"{last}.1")
    yield "head.0", "classifier.0"
    yield "classifier", "classifier.3"
