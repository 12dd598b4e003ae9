"""The names that torchvision and timm give to the modules of keiryo's networks.

Each family has a function that follows the same table of the paper as the family's own file,
and yields keiryo's name of every module with the other library's. Names are as of torchvision
0.28 and timm 1.0; `benchmarks/pretrained_agreement.py` checks that the logits agree.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keiryo.models.densenet import DENSENET_COLUMNS
from keiryo.models.mobilenet import MOBILENET_V1_ROWS, MOBILENET_V2_ROWS
from keiryo.models.resnet import RESNET_COLUMNS
from keiryo.models.spec import ModelSpec, all_options
from keiryo.models.vgg import VGG_COLUMNS

Names = Iterator[tuple[str, str]]
Channels = tuple[float, float, float]

# The normalisation of images of 0 to 1 that published weights expect: torchvision's
# `transforms`, timm's IMAGENET_DEFAULT_MEAN and IMAGENET_INCEPTION_MEAN.
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
INCEPTION_MEAN: Channels = (0.5, 0.5, 0.5)
INCEPTION_STD: Channels = (0.5, 0.5, 0.5)

# torchvision published its DenseNets when a layer's name was still `norm.1`.
OLD_DENSE_LAYER = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.(\d)\.")


@dataclass(frozen=True)
class ModuleNames:
    """Another library's name of each module, by keiryo's name.

    `mean` and `std` are the channel statistics that the published weights expect.
    """

    library: str
    modules: Mapping[str, str]
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD


def foreign_namings(spec: ModelSpec) -> list[ModuleNames]:
    """Return other libraries' names for the modules of `spec`; empty if no library has it.

    They publish networks with batch norm, and VGG also without a norm.
    """
    norm = all_options(spec).get("norm")
    if spec.name.startswith("vgg") and norm in ("batch", "none"):
        repeats, batch_norm = VGG_COLUMNS[_depth(spec)], norm == "batch"
        return [
            ModuleNames("torchvision", dict(torchvision_vgg(repeats, batch_norm=batch_norm))),
            ModuleNames("timm", dict(timm_vgg(repeats, batch_norm=batch_norm))),
        ]
    if norm != "batch":
        return []
    if spec.name == "mobilenet_v1":
        names = dict(timm_mobilenet_v1())
        return [ModuleNames("timm", names, mean=INCEPTION_MEAN, std=INCEPTION_STD)]
    if spec.name == "mobilenet_v2":
        return [
            ModuleNames("torchvision", dict(torchvision_mobilenet_v2())),
            ModuleNames("timm", dict(timm_mobilenet_v2())),
        ]
    if spec.name.startswith("resnet"):
        return [ModuleNames("torchvision and timm", dict(resnet(_depth(spec))))]
    if spec.name.startswith("densenet") and spec.name != "densenet":
        layers = DENSENET_COLUMNS[_depth(spec)]
        return [ModuleNames("torchvision and timm", dict(densenet(layers)))]
    return []


def current_name(name: str) -> str:
    """Return today's name for a tensor of an old torchvision DenseNet; other names unchanged."""
    return OLD_DENSE_LAYER.sub(r"\1\2.", name)


def timm_mobilenet_v1() -> Names:
    """Yield timm's names for mobilenetv1_*: a stage is a run of rows with the same channels."""
    yield from _convolution_with_norm("features.0", "conv_stem", "bn1")
    block = itertools.count(1)
    stages = itertools.groupby(channels for channels, _ in MOBILENET_V1_ROWS)
    for stage, (_, rows) in enumerate(stages):
        for repeat, _ in enumerate(rows):
            ours, theirs = f"features.{next(block)}", f"blocks.{stage}.{repeat}"
            yield from _convolution_with_norm(
                f"{ours}.depthwise", f"{theirs}.conv_dw", f"{theirs}.bn1"
            )
            yield from _convolution_with_norm(
                f"{ours}.pointwise", f"{theirs}.conv_pw", f"{theirs}.bn2"
            )
    yield "classifier", "classifier"


def timm_mobilenet_v2() -> Names:
    """Yield timm's names for mobilenetv2_*: a stage is a row of the paper's table."""
    yield from _convolution_with_norm("features.0", "conv_stem", "bn1")
    block = itertools.count(1)
    for stage, (expansion, _, repeats, _) in enumerate(MOBILENET_V2_ROWS):
        for repeat in range(repeats):
            ours, theirs = f"features.{next(block)}.branch", f"blocks.{stage}.{repeat}"
            # Without expansion, timm's block is a DepthwiseSeparableConv, with other names.
            steps = (
                (("depthwise", "conv_dw"), ("project", "conv_pw"))
                if expansion == 1
                else (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
            )
            for number, (step, convolution) in enumerate(steps, 1):
                yield from _convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{convolution}", f"{theirs}.bn{number}"
                )
    yield from _convolution_with_norm(f"features.{next(block)}", "conv_head", "bn2")
    yield "classifier", "classifier"


def torchvision_mobilenet_v2() -> Names:
    """Yield torchvision's names for mobilenet_v2: blocks have the same numbers as keiryo's."""
    yield from _convolution_with_norm("features.0", "features.0.0", "features.0.1")
    block = itertools.count(1)
    for expansion, _, repeats, _ in MOBILENET_V2_ROWS:
        for _ in range(repeats):
            number = next(block)
            ours, theirs = f"features.{number}.branch", f"features.{number}.conv"
            steps = ["depthwise"] if expansion == 1 else ["expand", "depthwise"]
            for index, step in enumerate(steps):
                yield from _convolution_with_norm(
                    f"{ours}.{step}", f"{theirs}.{index}.0", f"{theirs}.{index}.1"
                )
            last = len(steps)
            yield from _convolution_with_norm(
                f"{ours}.project", f"{theirs}.{last}", f"{theirs}.{last + 1}"
            )
    number = next(block)
    yield from _convolution_with_norm(
        f"features.{number}", f"features.{number}.0", f"features.{number}.1"
    )
    yield "classifier", "classifier.1"


def torchvision_vgg(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    """Yield torchvision's names for vgg* and vgg*_bn."""
    yield from _vgg_features(repeats, batch_norm=batch_norm)
    for index in (0, 3, 6):
        yield f"classifier.{index}", f"classifier.{index}"


def timm_vgg(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    """Yield timm's names: the first two linear layers are convolutions over all of their input."""
    yield from _vgg_features(repeats, batch_norm=batch_norm)
    yield "classifier.0", "pre_logits.fc1"
    yield "classifier.3", "pre_logits.fc2"
    yield "classifier.6", "head.fc"


def resnet(depth: int) -> Names:
    """Yield torchvision's and timm's names for resnet*."""
    block, stage_repeats = RESNET_COLUMNS[depth]
    convolutions = 2 if block.expansion == 1 else 3
    yield from _convolution_with_norm("features.0", "conv1", "bn1")
    place = itertools.count(2)  # after the stem and its pooling
    for stage, repeats in enumerate(stage_repeats, 1):
        for repeat in range(repeats):
            ours, theirs = f"features.{next(place)}", f"layer{stage}.{repeat}"
            for number in range(1, convolutions + 1):
                yield from _convolution_with_norm(
                    f"{ours}.branch.{number - 1}", f"{theirs}.conv{number}", f"{theirs}.bn{number}"
                )
            yield from _convolution_with_norm(
                f"{ours}.shortcut", f"{theirs}.downsample.0", f"{theirs}.downsample.1"
            )
    yield "classifier", "fc"


def densenet(layers: tuple[int, ...]) -> Names:
    """Yield torchvision's and timm's names for densenet*."""
    yield from _convolution_with_norm("features.0.0", "features.conv0", "features.norm0")
    for block, block_layers in enumerate(layers, 1):
        # The stem comes first, then blocks and transitions in turn.
        block_place, transition_place = 2 * block - 1, 2 * block
        for layer in range(block_layers):
            ours = f"features.{block_place}.{layer}.branch"
            theirs = f"features.denseblock{block}.denselayer{layer + 1}"
            for index, name in ((0, "norm1"), (2, "conv1"), (3, "norm2"), (5, "conv2")):
                yield f"{ours}.{index}", f"{theirs}.{name}"
        if block < len(layers):
            for index, name in ((0, "norm"), (2, "conv")):
                yield f"features.{transition_place}.{index}", f"features.transition{block}.{name}"
    yield f"features.{2 * len(layers)}", "features.norm5"
    yield "classifier", "classifier"


def _vgg_features(repeats: tuple[int, ...], *, batch_norm: bool) -> Names:
    ours = theirs = 0
    for stage_repeats in repeats:
        for _ in range(stage_repeats):
            yield f"features.{ours}.0", f"features.{theirs}"
            if batch_norm:
                yield f"features.{ours}.1", f"features.{theirs + 1}"
            ours += 1
            theirs += 3 if batch_norm else 2  # convolution, norm, ReLU
        ours, theirs = ours + 1, theirs + 1  # pooling


def _convolution_with_norm(ours: str, convolution: str, norm: str) -> Names:
    yield f"{ours}.convolution", convolution
    yield f"{ours}.norm", norm


def _depth(spec: ModelSpec) -> int:
    return int(re.sub(r"\D", "", spec.name))
