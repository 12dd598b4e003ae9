"""The exponential moving average of a network's weights (Polyak & Juditsky 1992, in its EMA form).

The weights of single steps scatter around a good point. Their average lies nearer to it than the
last step's weights, so the average is evaluated and saved.
"""

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """A copy of a network whose parameters and running statistics are averages over steps.

    The average reaches about `horizon_steps` steps back, but never over more than a tenth of the
    steps so far, since early weights are poor.
    """

    def __init__(self, network: nn.Module, horizon_steps: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._horizon_steps = max(1.0, horizon_steps)
        # Collected once, since walking through all modules takes longer than averaging.
        pairs = list(zip(_state(self.network), _state(network), strict=True))
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    def update(self, steps: int) -> None:
        """Move the average towards the network's state after `steps` steps."""
        reach = min(self._horizon_steps, 1.0 + steps / 10.0)
        averages, current = zip(*self._averaged, strict=True)
        with torch.no_grad():
            torch._foreach_lerp_(averages, current, 1.0 / reach)  # pyright: ignore[reportPrivateImportUsage]
            if self._counts:
                copies, counts = zip(*self._counts, strict=True)
                torch._foreach_copy_(copies, counts)  # pyright: ignore[reportPrivateImportUsage]


def _state(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
