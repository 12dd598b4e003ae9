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
SMALLEST_SIDE_ON_GPU = 32
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
        parameters = [p for p in group["params"] if p.grad is not None]
        if not parameters:
            return
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        matrices, gradients, averages = (
            [_view_as_matrix(tensor, like=p) for tensor, p in zip(tensors, parameters, strict=True)]
            for tensors in (
                parameters,
                [p.grad.contiguous(memory_format=_layout(p)) for p in parameters],
                [self.state[p]["momentum"] for p in parameters],
            )
        )
        torch._foreach_lerp_(averages, gradients, 1.0 - MOMENTUM)  # pyright: ignore[reportPrivateImportUsage]
        ahead = torch._foreach_lerp(gradients, averages, MOMENTUM)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_mul_(matrices, 1.0 - rate * group["weight_decay"])  # pyright: ignore[reportPrivateImportUsage]
        for numbers in _alike(matrices):
            updates = orthogonalize(_stack([ahead[number] for number in numbers]))
            for number, update in zip(numbers, updates, strict=True):
                matrix = matrices[number]
                rows, columns = matrix.shape
                scale = rate * UPDATE_SIZE * math.sqrt(columns)
                matrix.sub_(update[:rows, :columns], alpha=scale)


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


def _view_as_matrix(tensor: Tensor, *, like: nn.Parameter) -> Tensor:
    """Return a view of `tensor`, which lies in memory as `like` does, with rows <= columns."""
    if _is_channels_last(like):
        # In the order of memory, since the order of a matrix's columns makes no difference.
        tensor = tensor.permute(0, 2, 3, 1)
    matrix = tensor.view(len(tensor), -1)
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def _layout(parameter: nn.Parameter) -> torch.memory_format:
    return torch.channels_last if _is_channels_last(parameter) else torch.contiguous_format


def _alike(matrices: list[Tensor]) -> Iterable[list[int]]:
    """Return the numbers of the matrices that are orthogonalised together: those of one shape.

    On a GPU, starting an operation on small matrices takes longer than the operation, so shapes
    that differ little count as one there.
    """
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, matrix in enumerate(matrices):
        shape = tuple(matrix.shape)
        if matrix.is_cuda:
            shape = tuple(max(SMALLEST_SIDE_ON_GPU, 1 << (side - 1).bit_length()) for side in shape)
        found[shape].append(number)
    return found.values()


def _stack(updates: list[Tensor]) -> Tensor:
    """Return matrices as one tensor (N, rows, columns), with zeros where one is smaller.

    Rows and columns of zeros change no singular value, and stay zeros.
    """
    rows, columns = (max(update.shape[side] for update in updates) for side in (0, 1))
    if all(update.shape == (rows, columns) for update in updates):
        return torch.stack(updates)
    stacked = updates[0].new_zeros(len(updates), rows, columns)
    for place, update in zip(stacked, updates, strict=True):
        place[: update.shape[0], : update.shape[1]] = update
    return stacked


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
