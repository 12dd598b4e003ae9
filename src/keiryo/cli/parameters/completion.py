"""Names of models for the completion of the shell, which must not wait for PyTorch."""

# Those of `keiryo.models.spec`, whose import would take seconds; a test compares.
MODEL_NAMES = (
    *("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *("mobilenet_v4_conv_small", "mobilenet_v4_conv_medium"),
    *("efficientnet_b0", "efficientnet_lite0", "shufflenet_v2"),
    *("vgg11", "vgg13", "vgg16", "vgg19"),
    *("resnet18", "resnet34", "resnet50"),
    *("densenet", "densenet121", "densenet169", "densenet201"),
)
TIMM_PREFIX = "timm/"


def complete_models(incomplete: str) -> list[str]:
    """Return what the last model of a list, separated by commas, may be completed to."""
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in MODEL_NAMES if name.startswith(last)]


def looks_like_model(text: str) -> bool:
    """Return True if `text` is a model's name or has the form of one, without loading it."""
    name, colon, factory = text.partition(":")
    is_own = bool(colon) and name.endswith(".py") and bool(factory)
    return name in MODEL_NAMES or name.startswith(TIMM_PREFIX) or is_own
