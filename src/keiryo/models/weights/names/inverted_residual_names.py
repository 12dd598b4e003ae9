"""The names of the modules of an inverted residual, which several families consist of."""

from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm


def timm_inverted_residual(ours: str, theirs: str, *, expands: bool, excites: bool) -> Names:
    """Yield timm's names; without expansion, it is a DepthwiseSeparableConv with other names."""
    steps = (
        (("expand", "conv_pw"), ("depthwise", "conv_dw"), ("project", "conv_pwl"))
        if expands
        else (("depthwise", "conv_dw"), ("project", "conv_pw"))
    )
    for number, (step, convolution) in enumerate(steps, 1):
        yield from convolution_with_norm(
            f"{ours}.branch.{step}", f"{theirs}.{convolution}", f"{theirs}.bn{number}"
        )
    if excites:
        yield f"{ours}.branch.excitation.squeeze", f"{theirs}.se.conv_reduce"
        yield f"{ours}.branch.excitation.excite", f"{theirs}.se.conv_expand"


def torchvision_inverted_residual(ours: str, theirs: str, *, expands: bool, excites: bool) -> Names:
    """Yield torchvision's names in MobileNetV3 and EfficientNet: numbers in the block's order."""
    steps = ["depthwise", *(["excitation"] if excites else []), "project"]
    for index, step in enumerate(["expand", *steps] if expands else steps):
        place = f"{theirs}.block.{index}"
        if step == "excitation":
            yield f"{ours}.branch.excitation.squeeze", f"{place}.fc1"
            yield f"{ours}.branch.excitation.excite", f"{place}.fc2"
        else:
            yield from convolution_with_norm(f"{ours}.branch.{step}", f"{place}.0", f"{place}.1")
