"""PyTorch's optimisers without its compiler, which takes over a second to import, and 70 MB.

They import it only to tell it not to compile some of their methods, which nothing here asks
of it. What is left out here changes no step.
"""

import inspect

import torch


def leave_compiler_out() -> None:
    """Keep `Optimizer`'s own methods from importing the compiler."""
    for method in vars(torch.optim.Optimizer).values():
        original = getattr(method, "__wrapped__", None)
        # Each looks first for what the compiler answered before.
        if original is not None and not hasattr(original, "__dynamo_disable"):
            setattr(original, "__dynamo_disable", original)


def step_without_compiler(optimizer: torch.optim.Optimizer) -> None:
    """Do what `optimizer.step()` does, but for hooks, by the method under its decorators."""
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)
