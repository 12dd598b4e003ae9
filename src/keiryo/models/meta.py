"""Models without weights, built fast and without memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from keiryo.errors import InputError
from keiryo.models.spec import FACTORIES, ModelSpec, build


def build_weightless(spec: ModelSpec, *, classes: int | None) -> nn.Module:
    """Build the model that `spec` names with tensors that hold no data ("meta").

    A user's factory that needs data is called again with real tensors. Raises InputError as
    `build` does.
    """
    try:
        with without_weights():
            return build(spec, classes=classes)
    except InputError as error:
        # Only what the user's code itself raised may have been for want of data.
        if spec.name in FACTORIES or error.__cause__ is None:
            raise
        return build(spec, classes=classes)


@contextmanager
def without_weights() -> Iterator[None]:
    """Make modules in this block with tensors that hold no data and are not initialised.

    PyTorch's own initialisation of such tensors would load its compiler, which takes a second.
    """
    with torch.device("meta"), _WithoutInitialization():
        yield


class _WithoutInitialization(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing is compiled here, and the check for it would load the compiler (a second).
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_random = func.overloadpacket in (torch.ops.aten.normal_, torch.ops.aten.uniform_)
        if is_random and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))
