"""The names of ShuffleNetV2's modules."""

import itertools

from keiryo.models.families.shufflenet import STAGE_REPEATS
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm

# The convolutions of the branch in torchvision's sequence of layers; norms follow them.
BRANCH_PLACES = (0, 3, 5)
SHORTCUT_PLACES = (0, 2)


def torchvision_shufflenet() -> Names:
    """Yield torchvision's names for shufflenet_v2_*."""
    yield from convolution_with_norm("features.0", "conv1.0", "conv1.1")
    place = itertools.count(2)  # after the stem and its pooling
    for stage, repeats in enumerate(STAGE_REPEATS, 2):
        for repeat in range(repeats):
            ours, theirs = f"features.{next(place)}", f"stage{stage}.{repeat}"
            if repeat == 0:
                for step, index in enumerate(SHORTCUT_PLACES):
                    yield from convolution_with_norm(
                        f"{ours}.shortcut.{step}",
                        f"{theirs}.branch1.{index}",
                        f"{theirs}.branch1.{index + 1}",
                    )
            for step, index in enumerate(BRANCH_PLACES):
                yield from convolution_with_norm(
                    f"{ours}.branch.{step}",
                    f"{theirs}.branch2.{index}",
                    f"{theirs}.branch2.{index + 1}",
                )
    yield from convolution_with_norm(f"features.{next(place)}", "conv5.0", "conv5.1")
    yield "classifier", "fc"
