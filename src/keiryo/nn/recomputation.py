"""Keeping less for the backward pass: what is cheap to recompute is not kept.

For its backward pass each layer keeps its input. Where that is the output of a
normalisation, it takes one pass over that one's input, which is kept as well, to have it
again: some percent of the time of a step for some third of its memory (Pleiss et al. 2017,
"Memory-Efficient Implementation of DenseNets", section 3, do so for DenseNet).
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from torch import Size, Tensor
from torch.autograd.graph import saved_tensors_hooks

Recompute = Callable[[], Tensor]


class _Known(NamedTuple):
    shape: Size
    version: int  # of the values: each change in place counts it up
    recompute: Recompute


# By the address of the first element: what autograd keeps is another view of the tensor.
_known: ContextVar[dict[int, _Known] | None] = ContextVar("known", default=None)


@contextmanager
def recomputed_activations() -> Iterator[None]:
    """Within this context, a forward pass keeps cheap activations as a way to recompute them.

    The gradients are the same bits as without.
    """
    known: dict[int, _Known] = {}

    def keep(tensor: Tensor) -> Tensor | Recompute:
        entry = known.get(tensor.data_ptr())
        if entry is None or entry[:2] != (tensor.shape, tensor._version):
            return tensor
        return entry.recompute

    def give(kept: Tensor | Recompute) -> Tensor:
        return kept if isinstance(kept, Tensor) else kept()

    token = _known.set(known)
    try:
        with saved_tensors_hooks(keep, give):
            yield
    finally:
        _known.reset(token)


def can_be_recomputed(tensor: Tensor, recompute: Recompute) -> None:
    """Note how the present values of `tensor` can be recomputed."""
    known = _known.get()
    if known is not None:
        address = tensor.data_ptr()
        known[address] = _Known(tensor.shape, tensor._version, recompute)
        # Another tensor may come to lie there.
        weakref.finalize(tensor, known.pop, address, None)
