"""The ways in which a module is run, from the fastest to the plainest."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from keiryo.cost.calls import RunError, Trace
from keiryo.cost.inputs import SEED, Examples, Given
from keiryo.cost.operators.own_rules import Rules
from keiryo.cost.refusals import first_line, input_error, is_certain, needs_weights_error
from keiryo.cost.running.meta_copy import (
    NeedsValuesError,
    needs_values,
    set_evaluation_mode,
    weightless_copy,
)
from keiryo.cost.running.trace import trace


def run_once(
    module: nn.Module, given: Given, label: str, notes: list[str], *, real_bytes: int, rules: Rules
) -> Trace:
    """Run `module` and return the record; add to `notes` what the reader must know of it.

    It is tried without data; without data and without shortcuts; on the CPU. Raises
    NeedsValuesError if only the last is left and the module holds no weights, InputError if
    no way succeeds.
    """
    attempt = partial(_trace, module, given, real_bytes=real_bytes, rules=rules)
    try:
        return attempt(device="meta", is_plain=False)
    except RunError as error:
        first = error
    if is_certain(first):
        raise input_error(first, module, given, label) from first.__cause__
    if not needs_values(first):
        try:
            return attempt(device="meta", is_plain=True)
        except RunError as error:
            first = error
    if any(parameter.is_meta for parameter in module.parameters()):
        refusal = (
            needs_weights_error(first, label)
            if needs_values(first)
            else input_error(first, module, given, label)
        )
        raise NeedsValuesError(str(refusal)) from first.__cause__
    try:
        run = attempt(device="cpu", is_plain=True)
    except RunError as error:
        raise input_error(error, module, given, label) from error.__cause__
    reason = f"since its forward needs values: {first_line(first.__cause__)}"
    notes.append(f"Run on the CPU with random input, {reason}.")
    return run


def _trace(
    module: nn.Module, given: Given, *, device: str, is_plain: bool, real_bytes: int, rules: Rules
) -> Trace:
    try:
        network = weightless_copy(module, keep=device != "meta")
        examples = given.examples(device, like=module)
        # Finding all modules takes some of the time, and is done once.
        modules = dict(network.named_modules())
        if is_waiting_for_sizes(modules.values()):
            network = with_sizes(network, given.examples(device, like=module))
        set_evaluation_mode(network, modules.values())
    except Exception as error:  # a tensor of another library, say, that cannot be without data
        raise RunError("", module, []) from error
    run = partial(trace, is_plain=is_plain, real_bytes=real_bytes, rules=rules, modules=modules)
    if device == "meta":
        return run(network, examples)
    # What the forward draws at random is neither taken from the user's sequence nor left to chance.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return run(network, examples)


def is_waiting_for_sizes(modules: Iterable[nn.Module]) -> bool:
    """Return True if one of `modules` is a lazy layer that has not yet seen an input."""
    return any(issubclass(kind, LazyModuleMixin) for kind in {type(module) for module in modules})


def with_sizes(network: nn.Module, examples: Examples) -> nn.Module:
    """Let the lazy layers of `network` take their sizes from a run, and return it."""
    with torch.no_grad():
        set_evaluation_mode(network)(*examples.positional, **examples.named)
    return network
