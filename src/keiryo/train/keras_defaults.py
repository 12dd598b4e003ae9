"""The defaults of `keras.applications`, for the experiment as reported.

The defaults of Keras 2.7 differ from those of the papers and of keiryo. They are among the causes
of the failures that the experiment reports.
"""

import math

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from keiryo.models.saved import set_batch_norm_epsilon

KERAS_EPSILON = 1e-3
# Keras's momentum of 0.999 is the share of the old statistics, PyTorch's that of the new.
KERAS_MOMENTUM = 1.0 - 0.999


def set_up_as_keras(network: nn.Module) -> None:
    """Initialise `network` and set its batch norms and dropout, in place, as Keras does.

    - Glorot's uniform initialisation with zero biases (Glorot & Bengio 2010, equation 16),
      with Keras's fans of a depthwise kernel (H, W, C, 1): H W C in, H W out.
    - Batch norm with an epsilon of 1e-3 and running statistics that move by a thousandth a step,
      as in `keras.applications.MobileNetV2`.
    - No dropout, as in `keras.applications.VGG16`.
    """
    set_batch_norm_epsilon(network, KERAS_EPSILON)
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            layer.momentum = KERAS_MOMENTUM
        elif isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in, fan_out = _fans(layer)
            limit = math.sqrt(6.0 / (fan_in + fan_out))
            nn.init.uniform_(layer.weight, -limit, limit)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _fans(layer: nn.Conv2d | nn.Linear) -> tuple[int, int]:
    """Return the inputs and outputs that Keras counts for a weight of `layer`."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    positions = math.prod(layer.kernel_size)
    if layer.groups == layer.in_channels and layer.groups > 1:
        return positions * layer.in_channels, positions * layer.out_channels // layer.groups
    return positions * layer.in_channels // layer.groups, positions * layer.out_channels
