"""The classifier of a network: its last linear layer."""

from torch import nn

# Classes for a network whose classifier is taken away; the size says which layer that is.
PROVISIONAL_CLASSES = 7
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


def without_classifier(network: nn.Module) -> nn.Module:
    """Take the classifier of `network` away, in place, so that it returns features.

    It was built for `PROVISIONAL_CLASSES` classes.
    """
    name = classifier_name(network, PROVISIONAL_CLASSES)
    if not name:
        raise ValueError("no layer has an output for each class")
    network.set_submodule(name, nn.Identity())
    return network
