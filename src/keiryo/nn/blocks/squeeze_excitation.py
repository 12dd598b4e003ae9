"""Squeeze-and-excitation: the whole image decides how much each channel counts.

Hu et al. 2018, "Squeeze-and-Excitation Networks", section 3.
"""

from typing import Literal

from torch import Tensor, nn

from keiryo.nn.convolution import Activation, activation_layer

Gate = Literal["sigmoid", "hard_sigmoid"]


class SqueezeExcitation(nn.Module):
    """Each channel times a factor from 0 to 1, computed from the means of all channels.

    (N, C, H, W) to (N, C, H, W). The means pass a 1 x 1 convolution to `squeezed` channels, the
    `activation`, a 1 x 1 convolution back, and the `gate`. `hard_sigmoid` is
    min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, "Searching for MobileNetV3", section 5.2).
    """

    def __init__(self, channels: int, squeezed: int, *, activation: Activation, gate: Gate) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation_layer(activation)
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Hardsigmoid() if gate == "hard_sigmoid" else nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        factors = self.excite(self.activation(self.squeeze(self.pool(x))))
        return x * self.gate(factors)
