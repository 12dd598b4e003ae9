"""The names of DenseNet's modules."""

from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm


def densenet_names(layers: tuple[int, ...]) -> Names:
    """Yield torchvision's and timm's names for densenet*."""
    yield from convolution_with_norm("features.0.0", "features.conv0", "features.norm0")
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
