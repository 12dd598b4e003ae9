"""Muon: orthogonalised momentum for matrices, AdamW for the other parameters.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", with the scale of
Liu et al. 2025, "Muon is Scalable for LLM Training", section 2.2. PyTorch's Muon takes no
convolutions and orthogonalises one matrix at a time; this one takes all of a shape together.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from keiryo.train.optimizer.without_compiler import step_without_compiler

MOMENTUM = 0.95
# The root mean square of an update at a learning rate of 1, to match AdamW's.
UPDATE_SIZE = 0.2
# The learning rate of these updates, as a multiple of AdamW's (docs/recipe.md).
RATE_FACTOR = 10.0 / 3.0
# The coefficients of a quintic polynomial that moves every singular value towards 1.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7
# A matrix with a smaller side gains little from being orthogonalised.
SMALLEST_SIDE = 9
# For one iteration. Larger matrices would take as long as the rest of a step on small images.
MOST_MULTIPLY_ACCUMULATES = 45_000_000


class Muon(torch.optim.Optimizer):
    """Muon for the parameter groups marked `orthogonal`, and AdamW for the others.

    The weights of a convolution (out, in / groups, height, width) are a matrix of `out` rows.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, eps: float) -> None:
        groups = [{"orthogonal": False} | group for group in groups]
        others = [group for group in groups if not group["orthogonal"]]
        self._adamw = torch.optim.AdamW(others, lr=lr, eps=eps, fused=True)
        super().__init__(groups, self._adamw.defaults)

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update every parameter that has a gradient."""
        # Loading a state replaces both attributes.
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
            matrix, update = _view_as_matrices(parameter, ahead)
            of_shape[matrix.shape].append((matrix, update))
        for shape, pairs in of_shape.items():
            updates = orthogonalize(torch.stack([update for _, update in pairs]))
            scale = rate * UPDATE_SIZE * math.sqrt(max(shape))
            for (matrix, _), update in zip(pairs, updates, strict=True):
                matrix.sub_(update, alpha=scale)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return matrices (N, rows, columns), rows <= columns, with singular values near 1.

    The Newton-Schulz iteration (Jordan et al. 2024) keeps the singular vectors. It brings the
    singular values to between about 0.5 and 1.4, except those that were almost 0.
    """
    first, second, third = COEFFICIENTS
    # bfloat16 is fastest on a GPU, and precise enough for the iteration.
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        gram = torch.baddbmm(gram, gram, gram, beta=second, alpha=third)
        x = torch.baddbmm(x, gram, x, beta=first)
    return x.to(matrices.dtype)


def suits_muon(parameter: nn.Parameter) -> bool:
    """Return whether `parameter` is a matrix that gains from Muon and costs it little time.

    It must lie in memory as a matrix: contiguous, or in channels_last.
    """
    if parameter.ndim < 2 or not (parameter.is_contiguous() or _is_channels_last(parameter)):
        return False
    rows = parameter.shape[0]
    side = min(rows, parameter.numel() // rows)
    multiply_accumulates = 2 * side * parameter.numel() + side**3
    return side >= SMALLEST_SIDE and multiply_accumulates <= MOST_MULTIPLY_ACCUMULATES


def _view_as_matrices(parameter: Tensor, update: Tensor) -> tuple[Tensor, Tensor]:
    """Return views of `parameter` and `update` as matrices with rows <= columns."""
    if _is_channels_last(parameter):
        # In the order of memory, since the order of a matrix's columns makes no difference.
        parameter, update = parameter.permute(0, 2, 3, 1), update.permute(0, 2, 3, 1)
    rows = len(parameter)
    matrix, update = parameter.view(rows, -1), update.reshape(rows, -1)
    return (matrix, update) if rows <= matrix.shape[1] else (matrix.T, update.T)


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
