"""The feature maps of any network, found while it runs.

A feature map is the output of a two-dimensional convolution, and what follows from it without a
change of its axes: norms, activations, pooling, sums, concatenation. The values of attention, and
tokens in rows, are none, although they may have four axes too.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

CONVOLUTION = "conv2d"
# Functions of a feature map whose result has other axes.
OTHER_AXES = frozenset(
    (
        *("__get__", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis"),
        *("reshape", "view", "flatten", "unflatten", "unfold", "fold"),
        *("matmul", "__matmul__", "bmm", "einsum", "linear", "scaled_dot_product_attention"),
    )
)
# Functions that mix or change tokens, which are rows of a tensor of three axes or more.
OF_TOKENS = frozenset(
    (
        *("linear", "matmul", "__matmul__", "bmm", "einsum"),
        *("scaled_dot_product_attention", "multi_head_attention_forward"),
    )
)
TOKEN_AXES = 3


class FeatureMaps(TorchFunctionMode):
    """A context that collects the feature maps (N, C, H, W) of the networks that run in it.

    `found` holds those of more than one place, in the order they were computed. `token_layers` is
    the number of layers of tokens after the last of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []
        self.token_layers = 0
        self._known: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        given = [*_tensors(args), *_tensors(list((kwargs or {}).values()))]
        if name in OF_TOKENS and any(tensor.dim() >= TOKEN_AXES for tensor in given):
            self.token_layers += 1
        sources = [tensor for tensor in given if id(tensor) in self._known]
        is_map = name == CONVOLUTION or (name not in OTHER_AXES and bool(sources))
        if name.startswith("adaptive"):
            # Pooling to a fixed size repeats the places of a smaller map.
            is_map = is_map and _places(result) <= max(map(_places, sources), default=0)
        for tensor in _tensors([result]) if is_map else ():
            is_real = tensor.is_floating_point() and tensor.requires_grad
            if is_real and tensor.dim() == 4 and _places(tensor) > 1:
                # The list keeps it alive, so that no other tensor gets its identity.
                self.found.append(tensor)
                self._known.add(id(tensor))
                self.token_layers = 0
        return result


def _places(feature_map: Tensor) -> int:
    return feature_map.shape[-2] * feature_map.shape[-1]


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
