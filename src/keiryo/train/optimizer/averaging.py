"""The exponential moving average of a network's weights (Polyak & Juditsky 1992, in its EMA form).

The average of the last steps lies nearer the middle of where they wander about than
any of them, and so is evaluated and kept in place of the last step's weights.
"""

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """A copy of a network whose parameters and running statistics are averages over steps.

    After `steps` steps the average reaches some `horizon_steps` back, and never further
    than a tenth of the way to the start, where weights are still far from anything.
    """

    def __init__(self, network: nn.Module, horizon_steps: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._horizon_steps = max(1.0, horizon_steps)
        # Looked up once: to walk through all modules takes longer than to average.
        pairs = list(zip(_state(self.network), _state(network), strict=True))
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    def update(self, steps: int) -> None:
        """Take in the state of the network after `steps` steps."""
        reach = min(self._horizon_steps, 1.0 + steps / 10.0)
        averages, current = zip(*self._averaged, strict=True)
        with torch.no_grad():
            torch._foreach_lerp_(averages, current, 1.0 / reach)  # pyright: ignore[reportPrivateImportUsage]
            for copied, tensor in self._copied:
                copied.copy_(tensor)


def _state(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
