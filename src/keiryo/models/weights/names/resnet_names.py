"""The names of ResNet's modules."""

import itertools

from keiryo.models.families.resnet import RESNET_COLUMNS
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm


def resnet_names(depth: int) -> Names:
    """Yield torchvision's and timm's names for resnet*."""
    block, stage_repeats = RESNET_COLUMNS[depth]
    convolutions = 2 if block.expansion == 1 else 3
    yield from convolution_with_norm("features.0", "conv1", "bn1")
    place = itertools.count(2)  # after the stem and its pooling
    for stage, repeats in enumerate(stage_repeats, 1):
        for repeat in range(repeats):
            ours, theirs = f"features.{next(place)}", f"layer{stage}.{repeat}"
            for number in range(1, convolutions + 1):
                yield from convolution_with_norm(
                    f"{ours}.branch.{number - 1}", f"{theirs}.conv{number}", f"{theirs}.bn{number}"
                )
            yield from convolution_with_norm(
                f"{ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1"
            )
    yield "classifier", "fc"
