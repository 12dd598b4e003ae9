"""The names of the modules of MobileNetV1 and V2."""

import itertools

from keiryo.models.families.mobilenet import MOBILENET_V1_ROWS, MOBILENET_V2_ROWS
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm
from keiryo.models.weights.names.inverted_residual_names import timm_inverted_residual


def timm_mobilenet_v1() -> Names:
    """Yield timm's names for mobilenetv1_*: a stage is a run of rows with the same channels."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    block = itertools.count(1)
    stages = itertools.groupby(channels for channels, _ in MOBILENET_V1_ROWS)
    for stage, (_, rows) in enumerate(stages):
        for repeat, _ in enumerate(rows):
            ours, theirs = f"features.{next(block)}", f"blocks.{stage}.{repeat}"
            yield from convolution_with_norm(
                f"{ours}.depthwise", f"{theirs}.conv_dw", f"{theirs}.bn1"
            )
            yield from convolution_with_norm(
                f"{ours}.pointwise", f"{theirs}.conv_pw", f"{theirs}.bn2"
            )
    yield "classifier", "classifier"


def timm_mobilenet_v2() -> Names:
    """Yield timm's names for mobilenetv2_*: a stage is a row of the paper's table."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    block = itertools.count(1)
    for stage, (expansion, _, repeats, _) in enumerate(MOBILENET_V2_ROWS):
        for repeat in range(repeats):
            yield from timm_inverted_residual(
                f"features.{next(block)}",
                f"blocks.{stage}.{repeat}",
                expands=expansion > 1,
                excites=False,
            )
    yield from convolution_with_norm(f"features.{next(block)}", "conv_head", "bn2")
    yield "classifier", "classifier"


def torchvision_mobilenet_v2() -> Names:
    """Yield torchvision's names for mobilenet_v2: blocks have the same numbers as keiryo's."""
    yield from convolution_with_norm("features.0", "features.0.0", "features.0.1")
    block = itertools.count(1)
    for expansion, _, repeats, _ in MOBILENET_V2_ROWS:
        for _ in range(repeats):
            number = next(block)
            ours, theirs = f"features.{number}.branch", f"features.{number}.conv"
            steps = ["depthwise"] if expansion == 1 else ["expand", "depthwise"]
            for index, step in enumerate(steps):
                yield from convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{index}.0", f"{theirs}.{index}.1"
                )
            last = len(steps)
            yield from convolution_with_norm(
                f"{ours}.project", f"{theirs}.{last}", f"{theirs}.{last + 1}"
            )
    number = next(block)
    yield from convolution_with_norm(
        f"features.{number}", f"features.{number}.0", f"features.{number}.1"
    )
    yield "classifier", "classifier.1"
