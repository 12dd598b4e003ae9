"""Recomputation in the backward pass: outputs that are cheap to recompute are not stored.

Each layer stores its input for the backward pass. If that is the output of a normalisation,
one pass over the normalisation's own input, which is stored too, recomputes it. This costs a
few percent of a step's time and saves about a third of its memory (Pleiss et al. 2017,
"Memory-Efficient Implementation of DenseNets", section 3, do it for DenseNet).
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from torch import Size, Tensor
from torch.autograd.graph import saved_tensors_hooks

Recompute = Callable[[], Tensor]


class _Recomputable(NamedTuple):
    shape: Size
    version: int  # of the values; each change in place increments it
    recompute: Recompute


# By the address of the first element, since autograd stores another view of the tensor.
_recomputable: ContextVar[dict[int, _Recomputable] | None] = ContextVar(
    "recomputable", default=None
)


@contextmanager
def recompute_activations() -> Iterator[None]:
    """Let forward passes in this context store cheap activations as functions that compute them.

    The gradients have the same bits as without.
    """
    recomputable: dict[int, _Recomputable] = {}

    def pack(tensor: Tensor) -> Tensor | Recompute:
        entry = recomputable.get(tensor.data_ptr())
        if entry is None or entry[:2] != (tensor.shape, tensor._version):
            return tensor
        return entry.recompute

    def unpack(stored: Tensor | Recompute) -> Tensor:
        return stored if isinstance(stored, Tensor) else stored()

    token = _recomputable.set(recomputable)
    try:
        with saved_tensors_hooks(pack, unpack):
            yield
    finally:
        _recomputable.reset(token)


def register_recomputation(tensor: Tensor, recompute: Recompute) -> None:
    """Register `recompute`, which returns the present values of `tensor`."""
    recomputable = _recomputable.get()
    if recomputable is not None:
        address = tensor.data_ptr()
        recomputable[address] = _Recomputable(tensor.shape, tensor._version, recompute)
        # Another tensor may later have the same address.
        weakref.finalize(tensor, recomputable.pop, address, None)
