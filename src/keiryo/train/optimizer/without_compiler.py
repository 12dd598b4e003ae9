"""PyTorch's optimisers without its compiler, which takes over a second and 70 MB to import.

Optimisers import the compiler only to exclude some of their methods from it. keiryo compiles
nothing, so the steps are the same without it.
"""

import inspect

import torch


def leave_compiler_out() -> None:
    """Keep the methods of `Optimizer` from importing the compiler."""
    for method in vars(torch.optim.Optimizer).values():
        original = getattr(method, "__wrapped__", None)
        # Each method imports the compiler only where this attribute is missing.
        if original is not None and not hasattr(original, "__dynamo_disable"):
            setattr(original, "__dynamo_disable", original)


def step_without_compiler(optimizer: torch.optim.Optimizer) -> None:
    """Run `optimizer.step()` without its decorators, and so without hooks."""
    with torch.no_grad():
        inspect.unwrap(type(optimizer).step)(optimizer)
