"""The form that most light networks share."""

from torch import Tensor, nn

from keiryo.nn.initialization import he_initialize


class PooledNetwork(nn.Module):
    """Features, global average pooling, one linear layer: (N, 3, H, W) to (N, classes).

    `head` works on the pooled map (N, C, 1, 1), between the two; None: there is none. `channels` is
    the number that the linear layer takes.
    """

    def __init__(
        self, features: nn.Module, channels: int, classes: int, *, head: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = head
        self.classifier = nn.Linear(channels, classes)
        he_initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.features(x))
        if self.head is not None:
            x = self.head(x)
        return self.classifier(x.flatten(1))


def round_channels(channels: float, divisor: int = 8) -> int:
    """Return the nearest multiple of `divisor`; the next one if that is a tenth below `channels`.

    The authors' published code rounds channels so, as `keras.applications` does.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor
