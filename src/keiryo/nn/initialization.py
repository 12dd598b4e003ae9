"""Initial weights."""

import math
from typing import Literal

from torch import nn

CLASSIFIER_STANDARD_DEVIATION = 0.01


def he_initialize(
    module: nn.Module, *, convolutions: Literal["forward", "backward"] = "backward"
) -> None:
    """Initialise all weights of `module` in place, by He et al. 2015.

    "Delving Deep into Rectifiers": convolutions keep the variance of the backward signal (fan
    out of one group, so that depthwise ones do not start too small), or of the `forward` signal
    (fan in, equation 10), as hidden linear layers do. The last linear layer starts near zero,
    so that the first loss is close to ln(classes).
    """
    linears: list[nn.Linear] = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            channels = layer.in_channels if convolutions == "forward" else layer.out_channels
            fan = channels * math.prod(layer.kernel_size) / layer.groups
            nn.init.normal_(layer.weight, std=math.sqrt(2.0 / fan))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            linears.append(layer)
    if linears:
        nn.init.normal_(linears[-1].weight, std=CLASSIFIER_STANDARD_DEVIATION)
