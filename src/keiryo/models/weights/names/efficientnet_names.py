"""The names of the modules of EfficientNet."""

import itertools

from keiryo.models.families.efficientnet import EFFICIENTNET_B0_ROWS
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm


def timm_efficientnet(*, excites: bool) -> Names:
    """Yield timm's names for efficientnet_b0 and efficientnet_lite0: a stage is a row."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    place = itertools.count(1)
    for stage, (expansion, _, _, repeats, _) in enumerate(EFFICIENTNET_B0_ROWS):
        for repeat in range(repeats):
            ours, theirs = f"features.{next(place)}.branch", f"blocks.{stage}.{repeat}"
            # Without expansion, timm's block is a DepthwiseSeparableConv, with other names.
            steps = (
                (("depthwise", "conv_dw"), ("project", "conv_pw"))
                if expansion == 1
                else (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
            )
            for number, (step, convolution) in enumerate(steps, 1):
                yield from convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{convolution}", f"{theirs}.bn{number}"
                )
            if excites:
                yield f"{ours}.excitation.squeeze", f"{theirs}.se.conv_reduce"
                yield f"{ours}.excitation.excite", f"{theirs}.se.conv_expand"
    yield from convolution_with_norm(f"features.{next(place)}", "conv_head", "bn2")
    yield "classifier", "classifier"


def torchvision_efficientnet() -> Names:
    """Yield torchvision's names for efficientnet_b0: a stage is a row."""
    yield from convolution_with_norm("features.0", "features.0.0", "features.0.1")
    place = itertools.count(1)
    for stage, (expansion, _, _, repeats, _) in enumerate(EFFICIENTNET_B0_ROWS, 1):
        for repeat in range(repeats):
            ours = f"features.{next(place)}.branch"
            theirs = f"features.{stage}.{repeat}.block"
            steps = ("depthwise",) if expansion == 1 else ("expand", "depthwise")
            for index, step in enumerate(steps):
                yield from convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{index}.0", f"{theirs}.{index}.1"
                )
            excitation, project = f"{theirs}.{len(steps)}", f"{theirs}.{len(steps) + 1}"
            yield f"{ours}.excitation.squeeze", f"{excitation}.fc1"
            yield f"{ours}.excitation.excite", f"{excitation}.fc2"
            yield from convolution_with_norm(f"{ours}.project", f"{project}.0", f"{project}.1")
    last = f"features.{len(EFFICIENTNET_B0_ROWS) + 1}"
    yield from convolution_with_norm(f"features.{next(place)}", f"{last}.0", f"{last}.1")
    yield "classifier", "classifier.1"
