"""Adaptive average pooling whose gradients have the same bits in each run, on a GPU too."""

from functools import cache

import torch
from torch import Tensor, nn


class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """PyTorch's layer, from any size to `side` x `side`.

    On a GPU, PyTorch adds up its gradients in an order that changes from run to run. There, while
    gradients are computed, two matrix products take its place.
    """

    def __init__(self, side: int) -> None:
        super().__init__(side)
        self._side = side

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        if not (input.is_cuda and torch.is_grad_enabled()):
            return super().forward(input)
        height, width = input.shape[-2:]
        if height == width == self._side:
            return input
        rows = _averages_on(input.device, input.dtype, height, self._side)
        columns = _averages_on(input.device, input.dtype, width, self._side)
        return rows @ input @ columns.mT


def averages(old: int, new: int) -> Tensor:
    """Return the matrix (new, old) that averages `old` values to `new`, as the layer does."""
    matrix = torch.zeros(new, old)
    for index in range(new):
        start, end = index * old // new, -(-(index + 1) * old // new)
        matrix[index, start:end] = 1 / (end - start)
    return matrix


@cache  # copying it in each step would wait for the steps before
def _averages_on(device: torch.device, dtype: torch.dtype, old: int, new: int) -> Tensor:
    return averages(old, new).to(device, dtype)
