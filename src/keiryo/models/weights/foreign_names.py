"""The names that torchvision and timm give to the modules of keiryo's networks.

Each family has a file in `names/`, whose functions follow the same table of the paper as the
family's own file, and yield keiryo's name of every module with the other library's. Names are as of
torchvision 0.28 and timm 1.0; `benchmarks/pretrained_agreement.py` checks that the logits agree.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keiryo.models.families.densenet import DENSENET_COLUMNS
from keiryo.models.families.mobilenet_v3 import LARGE_ROWS, SMALL_ROWS
from keiryo.models.families.mobilenet_v4 import CONV_MEDIUM_ROWS, CONV_SMALL_ROWS
from keiryo.models.families.vgg import VGG_COLUMNS
from keiryo.models.spec import ModelSpec, all_options
from keiryo.models.weights.names.convolution_names import Names
from keiryo.models.weights.names.densenet_names import densenet_names
from keiryo.models.weights.names.efficientnet_names import (
    timm_efficientnet,
    torchvision_efficientnet,
)
from keiryo.models.weights.names.mobilenet_names import (
    timm_mobilenet_v1,
    timm_mobilenet_v2,
    torchvision_mobilenet_v2,
)
from keiryo.models.weights.names.mobilenet_v3_names import (
    timm_mobilenet_v3,
    torchvision_mobilenet_v3,
)
from keiryo.models.weights.names.mobilenet_v4_names import timm_mobilenet_v4
from keiryo.models.weights.names.resnet_names import resnet_names
from keiryo.models.weights.names.shufflenet_names import torchvision_shufflenet
from keiryo.models.weights.names.vgg_names import timm_vgg, torchvision_vgg

Channels = tuple[float, float, float]

# The normalisation of images of 0 to 1 that published weights expect: torchvision's
# `transforms`, timm's IMAGENET_DEFAULT_MEAN and IMAGENET_INCEPTION_MEAN.
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
INCEPTION_MEAN: Channels = (0.5, 0.5, 0.5)
INCEPTION_STD: Channels = (0.5, 0.5, 0.5)
# torchvision's MobileNetV3 has this epsilon in its batch norms, all others PyTorch's default.
TORCHVISION_V3_EPSILON = 1e-3

# torchvision published its DenseNets when a layer's name was still `norm.1`.
OLD_DENSE_LAYER = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.(\d)\.")


@dataclass(frozen=True)
class ModuleNames:
    """Another library's name of each module, by keiryo's name.

    `mean` and `std` are the channel statistics that the published weights expect,
    `batch_norm_epsilon` the epsilon of their batch norms; None: PyTorch's default.
    """

    library: str
    modules: Mapping[str, str]
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    batch_norm_epsilon: float | None = None


def foreign_namings(spec: ModelSpec) -> list[ModuleNames]:
    """Return other libraries' names for the modules of `spec`; empty if no library has it.

    They publish networks with batch norm, and VGG also without a norm.
    """
    norm = all_options(spec).get("norm")
    if spec.name.startswith("vgg") and norm in ("batch", "none"):
        repeats, batch_norm = VGG_COLUMNS[_depth(spec.name)], norm == "batch"
        return [
            ModuleNames("torchvision", dict(torchvision_vgg(repeats, batch_norm=batch_norm))),
            ModuleNames("timm", dict(timm_vgg(repeats, batch_norm=batch_norm))),
        ]
    if norm != "batch" or spec.name not in NAMINGS:
        return []
    return NAMINGS[spec.name](spec.name)


def current_name(name: str) -> str:
    """Return today's name for a tensor of an old torchvision DenseNet; other names unchanged."""
    return OLD_DENSE_LAYER.sub(r"\1\2.", name)


def _mobilenet_v1(_: str) -> list[ModuleNames]:
    names = dict(timm_mobilenet_v1())
    return [ModuleNames("timm", names, mean=INCEPTION_MEAN, std=INCEPTION_STD)]


def _of_both(torchvision: Names, timm: Names) -> list[ModuleNames]:
    return [ModuleNames("torchvision", dict(torchvision)), ModuleNames("timm", dict(timm))]


def _mobilenet_v3(name: str) -> list[ModuleNames]:
    rows = SMALL_ROWS if name.endswith("small") else LARGE_ROWS
    torchvision = dict(torchvision_mobilenet_v3(rows))
    return [
        ModuleNames("torchvision", torchvision, batch_norm_epsilon=TORCHVISION_V3_EPSILON),
        ModuleNames("timm", dict(timm_mobilenet_v3(rows))),
    ]


def _mobilenet_v4(name: str) -> list[ModuleNames]:
    rows = CONV_SMALL_ROWS if name.endswith("small") else CONV_MEDIUM_ROWS
    return [ModuleNames("timm", dict(timm_mobilenet_v4(rows)))]


def _resnet(name: str) -> list[ModuleNames]:
    return [ModuleNames("torchvision and timm", dict(resnet_names(_depth(name))))]


def _densenet(name: str) -> list[ModuleNames]:
    layers = DENSENET_COLUMNS[_depth(name)]
    return [ModuleNames("torchvision and timm", dict(densenet_names(layers)))]


def _depth(name: str) -> int:
    return int(re.sub(r"\D", "", name))


# The networks with batch norm that other libraries publish.
NAMINGS: dict[str, Callable[[str], list[ModuleNames]]] = {
    "mobilenet_v1": _mobilenet_v1,
    "mobilenet_v2": lambda _: _of_both(torchvision_mobilenet_v2(), timm_mobilenet_v2()),
    "mobilenet_v3_small": _mobilenet_v3,
    "mobilenet_v3_large": _mobilenet_v3,
    "mobilenet_v4_conv_small": _mobilenet_v4,
    "mobilenet_v4_conv_medium": _mobilenet_v4,
    "efficientnet_b0": lambda _: _of_both(
        torchvision_efficientnet(), timm_efficientnet(excites=True)
    ),
    "efficientnet_lite0": lambda _: [ModuleNames("timm", dict(timm_efficientnet(excites=False)))],
    "shufflenet_v2": lambda _: [ModuleNames("torchvision", dict(torchvision_shufflenet()))],
    **dict.fromkeys(("resnet18", "resnet34", "resnet50"), _resnet),
    **dict.fromkeys(("densenet121", "densenet169", "densenet201"), _densenet),
}
