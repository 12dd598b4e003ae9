"""The published weights for ImageNet: a row a model, with address, checksum and normalisation.

Addresses, digits of checksums and sizes are those in torchvision 0.28 and timm 1.0.31. Both name
most of their files by the first digits of the SHA-256. Hugging Face's files have no such name; the
publisher says their checksum beside them (`pointer_url`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keiryo.models.spec import ModelSpec, all_options, parse_spec
from keiryo.models.weights.foreign_names import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    INCEPTION_MEAN,
    INCEPTION_STD,
    Channels,
)

PYTORCH = "https://download.pytorch.org/models"
TIMM_RELEASES = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights"
HUGGING_FACE = "https://huggingface.co/timm"
RESOLVED, RAW = "/resolve/main/", "/raw/main/"


@dataclass(frozen=True)
class PublishedWeights:
    """A published file of weights for the network `model`.

    `sha256` are the digits that are known, from the first on; "" if none are. `mebibytes` is the
    size; None: not known. `mean` and `std` normalise the channels of images of 0 to 1.
    """

    model: str
    url: str
    sha256: str = ""
    mebibytes: float | None = None
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD

    @property
    def file_name(self) -> str:
        """The name of the file in the cache; on Hugging Face, all are model.safetensors."""
        address, _, name = self.url.rpartition("/")
        if RESOLVED not in self.url:
            return name
        repository = address.removesuffix(RESOLVED.rstrip("/")).rpartition("/")[2]
        return f"{repository}.safetensors"

    @property
    def pointer_url(self) -> str | None:
        """The address of the text in which Hugging Face says the checksum of its file."""
        return self.url.replace(RESOLVED, RAW) if RESOLVED in self.url else None


def published_weights(spec: ModelSpec) -> PublishedWeights | None:
    """Return the published weights of the network that `spec` names; None if there are none."""
    for weights in PUBLISHED_WEIGHTS:
        published = parse_spec(weights.model)
        if published.name == spec.name and all_options(published) == all_options(spec):
            return weights
    return None


def weights_at(url: str) -> PublishedWeights | None:
    """Return the published weights whose address is `url`; None if it is none of them."""
    return next((weights for weights in PUBLISHED_WEIGHTS if weights.url == url), None)


def have_published_weights(models: Sequence[str]) -> list[str]:
    """Return those of `models` that have published weights."""
    return [model for model in models if published_weights(parse_spec(model)) is not None]


def _torchvision(model: str, stem: str, sha256: str, mebibytes: float) -> PublishedWeights:
    return PublishedWeights(model, f"{PYTORCH}/{stem}-{sha256}.pth", sha256, mebibytes)


def _timm_release(model: str, stem: str, sha256: str) -> PublishedWeights:
    return PublishedWeights(model, f"{TIMM_RELEASES}/{stem}-{sha256}.pth", sha256)


def _hugging_face(
    model: str, repository: str, *, mean: Channels = IMAGENET_MEAN, std: Channels = IMAGENET_STD
) -> PublishedWeights:
    url = f"{HUGGING_FACE}/{repository}{RESOLVED}model.safetensors"
    return PublishedWeights(model, url, mean=mean, std=std)


# torchvision's first weights (V1), not those of its later recipes: features that were trained long
# with label smoothing are worse to start from (Kornblith et al. 2021, "Why Do Better Loss Functions
# Lead to Less Transferable Features?").
PUBLISHED_WEIGHTS = (
    _hugging_face(
        "mobilenet_v1",
        "mobilenetv1_100.ra4_e3600_r224_in1k",
        mean=INCEPTION_MEAN,
        std=INCEPTION_STD,
    ),
    _hugging_face(
        "mobilenet_v1:width=1.25",
        "mobilenetv1_125.ra4_e3600_r224_in1k",
        mean=INCEPTION_MEAN,
        std=INCEPTION_STD,
    ),
    _timm_release("mobilenet_v2:width=0.5", "mobilenetv2_050", "3d30d450"),
    _torchvision("mobilenet_v2", "mobilenet_v2", "b0353104", 13.555),
    _timm_release("mobilenet_v2:width=1.4", "mobilenetv2_140_ra", "21a4e913"),
    _timm_release("mobilenet_v3_small:width=0.5", "mobilenetv3_small_050_lambc", "4b7bbe87"),
    _timm_release("mobilenet_v3_small:width=0.75", "mobilenetv3_small_075_lambc", "384766db"),
    _torchvision("mobilenet_v3_small", "mobilenet_v3_small", "047dcff4", 9.829),
    _torchvision("mobilenet_v3_large", "mobilenet_v3_large", "8738ca79", 21.114),
    _hugging_face(
        "mobilenet_v4_conv_small:width=0.5",
        "mobilenetv4_conv_small_050.e3000_r224_in1k",
        mean=INCEPTION_MEAN,
        std=INCEPTION_STD,
    ),
    _hugging_face("mobilenet_v4_conv_small", "mobilenetv4_conv_small.e2400_r224_in1k"),
    _hugging_face("mobilenet_v4_conv_medium", "mobilenetv4_conv_medium.e500_r256_in1k"),
    _torchvision("efficientnet_b0", "efficientnet_b0_rwightman", "7f5810bc", 20.451),
    _timm_release("efficientnet_lite0", "efficientnet_lite0_ra", "37913777"),
    _torchvision("shufflenet_v2:width=0.5", "shufflenetv2_x0.5", "f707e7126e", 5.282),
    _torchvision("shufflenet_v2", "shufflenetv2_x1", "5666bf0f80", 8.791),
    _torchvision("shufflenet_v2:width=1.5", "shufflenetv2_x1_5", "3c479a10", 13.557),
    _torchvision("shufflenet_v2:width=2.0", "shufflenetv2_x2_0", "8be3c8ee", 28.433),
    _torchvision("vgg11", "vgg11", "8a719046", 506.84),
    _torchvision("vgg11:norm=batch", "vgg11_bn", "6002323d", 506.881),
    _torchvision("vgg13", "vgg13", "19584684", 507.545),
    _torchvision("vgg13:norm=batch", "vgg13_bn", "abd245e5", 507.59),
    _torchvision("vgg16", "vgg16", "397923af", 527.796),
    _torchvision("vgg16:norm=batch", "vgg16_bn", "6c64b313", 527.866),
    _torchvision("vgg19", "vgg19", "dcbb9e9d", 548.051),
    _torchvision("vgg19:norm=batch", "vgg19_bn", "c79401a0", 548.143),
    _torchvision("resnet18", "resnet18", "f37072fd", 44.661),
    _torchvision("resnet34", "resnet34", "b627a593", 83.275),
    _torchvision("resnet50", "resnet50", "0676ba61", 97.781),
    _torchvision("densenet121", "densenet121", "a639ec97", 30.845),
    _torchvision("densenet169", "densenet169", "b2777c0a", 54.708),
    _torchvision("densenet201", "densenet201", "c1103571", 77.373),
)
