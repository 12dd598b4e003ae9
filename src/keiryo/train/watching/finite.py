"""The search for the first layer whose numbers are not finite."""

from functools import partial

import torch
from torch import Tensor, nn


@torch.no_grad()
def first_non_finite(network: nn.Module, inputs: Tensor) -> str:
    """Return a clause that names the first non-finite values of `network` on `inputs`.

    Weights are checked first, then the outputs of the layers in the order they run.
    """
    broken = [name for name, p in network.named_parameters() if not p.isfinite().all()]
    if broken:
        return f"{len(broken)} weights are no longer finite; the first of them is {broken[0]}"
    found: list[str] = []

    def look(name: str, _: nn.Module, __: object, output: object) -> None:
        if not found and isinstance(output, Tensor) and not output.isfinite().all():
            found.append(name)

    leaves = [(n, m) for n, m in network.named_modules() if not any(m.children())]
    hooks = [module.register_forward_hook(partial(look, name)) for name, module in leaves]
    try:
        network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return f"all weights are finite, and {found[0]} is the first layer that overflows"
    return "all weights and all outputs of layers are finite; only the loss is not"
