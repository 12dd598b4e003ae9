"""Muon: momentum made orthogonal for matrices, AdamW for the rest.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", with the scale of
Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2. PyTorch's own takes matrices
alone, no convolutions, and one at a time; here those of one shape are made orthogonal together.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.train.optimizer.without_compiler import step_without_compiler

MOMENTUM = 0.95
# Root mean square of an update at a learning rate of 1: as large as AdamW's are.
UPDATE_SIZE = 0.2
# So many times AdamW's learning rate suits these updates (docs/recipe.md).
RATE_FACTOR = 10.0 / 3.0
# A quintic polynomial that draws every singular value to somewhere about 1, whatever it was.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7
# Of a smaller side there is little to make orthogonal.
SMALLEST_SIDE = 9
# Of one iteration. Larger matrices would take as long as all else of a step on small images.
MOST_MULTIPLY_ACCUMULATES = 45_000_000


class Muon(torch.optim.Optimizer):
    """Makes the updates of groups marked `orthogonal` so, and leaves the others to AdamW.

    Weights of convolutions (out, in / groups, height, width) count as matrices of `out` rows.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, eps: float) -> None:
        groups = [{"orthogonal": False} | group for group in groups]
        others = [group for group in groups if not group["orthogonal"]]
        self._adamw = torch.optim.AdamW(others, lr=lr, eps=eps, fused=True)
        super().__init__(groups, self._adamw.defaults)

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Change every parameter that has a gradient."""
        # What is loaded takes the place of both.
        self._adamw.state = self.state
        self._adamw.param_groups = [group for group in self.param_groups if not group["orthogonal"]]
        step_without_compiler(self._adamw)
        for group in self.param_groups:
            if group["orthogonal"]:
                self._step_orthogonally(group)

    def _step_orthogonally(self, group: dict[str, Any]) -> None:
        rate = RATE_FACTOR * group["lr"]
        of_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            average = state["momentum"].lerp_(parameter.grad, 1.0 - MOMENTUM)
            ahead = parameter.grad.lerp(average, MOMENTUM)
            parameter.mul_(1.0 - rate * group["weight_decay"])
            matrix, update = _matrices(parameter, ahead)
            of_shape[matrix.shape].append((matrix, update))
        for shape, pairs in of_shape.items():
            updates = orthogonalize(torch.stack([update for _, update in pairs]))
            scale = rate * UPDATE_SIZE * math.sqrt(max(shape))
            for (matrix, _), update in zip(pairs, updates, strict=True):
                matrix.sub_(update, alpha=scale)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return (N, rows, columns), no more rows than columns, with singular values near 1.

    They keep their singular vectors; the values come to lie between some 0.5 and 1.4, by the
    iteration of Newton and Schulz (Jordan et al. 2024), but for those that were next to none.
    """
    first, second, third = COEFFICIENTS
    # The iteration bears the precision that a GPU is fastest in.
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        gram = torch.baddbmm(gram, gram, gram, beta=second, alpha=third)
        x = torch.baddbmm(x, gram, x, beta=first)
    return x.to(matrices.dtype)


def is_made_orthogonal(parameter: nn.Parameter) -> bool:
    """Return whether `parameter` is a matrix, as it lies, that gains by Muon in little time."""
    if parameter.ndim < 2 or not (parameter.is_contiguous() or _is_channels_last(parameter)):
        return False
    rows = parameter.shape[0]
    side = min(rows, parameter.numel() // rows)
    multiply_accumulates = 2 * side * parameter.numel() + side**3
    return side >= SMALLEST_SIDE and multiply_accumulates <= MOST_MULTIPLY_ACCUMULATES


def _matrices(parameter: Tensor, update: Tensor) -> tuple[Tensor, Tensor]:
    """Return `parameter` seen as a matrix with no more rows than columns, and `update` like it."""
    if _is_channels_last(parameter):
        # As it lies in memory; the order of a matrix's columns makes no difference.
        parameter, update = parameter.permute(0, 2, 3, 1), update.permute(0, 2, 3, 1)
    rows = len(parameter)
    matrix, update = parameter.view(rows, -1), update.reshape(rows, -1)
    return (matrix, update) if rows <= matrix.shape[1] else (matrix.T, update.T)


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
