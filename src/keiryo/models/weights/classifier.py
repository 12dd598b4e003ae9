"""The classifier of a network: its last linear layer."""

from torch import nn

CLASSIFYING_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def classifier_name(network: nn.Module, classes: int) -> str | None:
    """Return the name of the last layer of `network` with one output for each class.

    It is a linear layer, or a convolution as in SqueezeNet. "" means that the network itself is
    that layer; None means that there is no such layer.
    """
    names = [
        name
        for name, layer in network.named_modules()
        if isinstance(layer, CLASSIFYING_LAYERS) and len(layer.weight) == classes
    ]
    return names[-1] if names else None
