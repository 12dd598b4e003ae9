"""The names of the modules of MobileNetV3."""

import itertools

from keiryo.models.families.mobilenet_v3 import STEM_CHANNELS, Row
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm


def timm_mobilenet_v3(rows: tuple[Row, ...]) -> Names:
    """Yield timm's names for mobilenetv3_*: a stage is a run of rows with the same channels."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    place = itertools.count(1)
    channels = STEM_CHANNELS
    stage = 0
    for stage, (_, stage_rows) in enumerate(itertools.groupby(rows, key=lambda row: row[2])):
        for repeat, (_, expanded, out_channels, excites, _, _) in enumerate(stage_rows):
            ours, theirs = f"features.{next(place)}.branch", f"blocks.{stage}.{repeat}"
            # Without expansion, timm's block is a DepthwiseSeparableConv, with other names.
            steps = (
                (("depthwise", "conv_dw"), ("project", "conv_pw"))
                if expanded == channels
                else (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
            )
            for number, (step, convolution) in enumerate(steps, 1):
                yield from convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{convolution}", f"{theirs}.bn{number}"
                )
            if excites:
                yield f"{ours}.excitation.squeeze", f"{theirs}.se.conv_reduce"
                yield f"{ours}.excitation.excite", f"{theirs}.se.conv_expand"
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
        ours, theirs = f"features.{number}.branch", f"features.{number}.block"
        place = itertools.count()
        for step in ("depthwise",) if expanded == channels else ("expand", "depthwise"):
            index = next(place)
            yield from convolution_with_norm(
                f"{ours}.{step}", f"{theirs}.{index}.0", f"{theirs}.{index}.1"
            )
        if excites:
            index = next(place)
            yield f"{ours}.excitation.squeeze", f"{theirs}.{index}.fc1"
            yield f"{ours}.excitation.excite", f"{theirs}.{index}.fc2"
        index = next(place)
        yield from convolution_with_norm(
            f"{ours}.project", f"{theirs}.{index}.0", f"{theirs}.{index}.1"
        )
        channels = out_channels
    last = f"features.{len(rows) + 1}"
    yield from convolution_with_norm(last, f"{last}.0", f"{last}.1")
    yield "head.0", "classifier.0"
    yield "classifier", "classifier.3"
