"""The error for inputs that a module does not take, with a shape that it takes."""

import traceback
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from keiryo.cost.calls import RunError
from keiryo.cost.inputs import Given, Sizes, read_inputs
from keiryo.cost.running.meta_copy import needs_values, set_evaluation_mode, weightless_copy
from keiryo.cost.running.trace import trace
from keiryo.errors import InputError

# Common sides of images, and lengths, of networks' inputs.
COMMON_SIDES = (224, 32, 28, 256, 299, 384, 64, 96, 128, 160, 192, 512, 16000)
LONGEST_REASON = 300


def input_error(error: RunError, module: nn.Module, given: Given, label: str) -> InputError:
    """Return an error that names the inputs that `module` refuses, and a shape that it takes."""
    shapes = " and ".join("x".join(map(str, shape)) or "nothing" for shape in given.shapes)
    where = f"{error.module_name} ({type(error.module).__name__})" if error.module_name else label
    first = f"{label}: cannot be run on {shapes or 'these inputs'}"
    suggestion = _fitting_input(module, given, error)
    if suggestion is not None:
        first += f"; it takes {suggestion}"
    reason = size_mismatch(error) or _describe_cause(error.__cause__)
    return InputError(f"{first}\n  in {where}: {reason}")


def needs_weights_error(error: RunError, label: str) -> InputError:
    """Return the error for a module without data whose forward needs values."""
    return InputError(
        f"{label}: its forward needs values, and the module holds none; build it with its "
        f"weights (not on the device meta)\n  {_describe_cause(error.__cause__)}"
    )


def is_certain(error: RunError) -> bool:
    """Return True if `error` says that the input does not fit, whatever the tensors hold."""
    return error.is_rank or (not needs_values(error) and size_mismatch(error) is not None)


def size_mismatch(error: RunError) -> str | None:
    """Return the size that the innermost layer needs and was not given; None if it was."""
    if not error.input_shapes:
        return None
    layer, shape = error.module, error.input_shapes[0]
    if isinstance(layer, _ConvNd) and len(shape) == len(layer.kernel_size) + 2:
        if shape[1] == layer.in_channels:
            return None
        return f"takes {layer.in_channels} channels, was given {shape[1]}"
    if isinstance(layer, nn.Linear) and shape and shape[-1] != layer.in_features:
        return f"takes {layer.in_features} features, was given {shape[-1]}"
    return None


def first_line(cause: BaseException | None) -> str:
    """Return the beginning of an error's text: PyTorch's longer ones list all alternatives."""
    return (str(cause).splitlines() or [""])[0][:LONGEST_REASON]


def _describe_cause(cause: BaseException | None) -> str:
    """Return the error in words, with the line of the user's code that raised it, if any."""
    if cause is None:
        return "failed"
    text = first_line(cause)
    words = f"{type(cause).__name__}: {text}" if text else type(cause).__name__
    inside = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
    frames = [
        frame
        for frame in traceback.extract_tb(cause.__traceback__)
        if not frame.filename.startswith((*inside, "<"))
    ]
    if frames:
        words += f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return words


def _fitting_input(module: nn.Module, given: Given, error: RunError) -> str | None:
    """Return an input that `module` takes, found by trying, in words; None if none was found."""
    only = given.only_shape
    if only is None:
        return None
    if isinstance(error.module, (nn.Embedding, nn.EmbeddingBag)) and only.dtype is None:
        tokens = Sizes(only.sizes, torch.int64)
        return f"{_words(only.sizes)}:int64" if _takes(module, tokens) else None
    network = weightless_copy(module)
    for shape in _likely_shapes(network, list(only.sizes)):
        if _takes(network, Sizes(tuple(shape), only.dtype)):
            return _words(shape)
    return None


def _takes(module: nn.Module, sizes: Sizes) -> bool:
    try:
        trace(set_evaluation_mode(weightless_copy(module)), read_inputs([sizes]).examples("meta"))
    except Exception:  # whatever it is, the suggestion is not made
        return False
    return True


def _words(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _likely_shapes(network: nn.Module, given: list[int]) -> list[list[int]]:
    """Return shapes to try, by the first layer that fixes its input's size."""
    for layer in network.modules():
        if isinstance(layer, _ConvNd):
            axes = len(layer.kernel_size)
            spatial = [given[-axes:]] if len(given) >= axes else []
            spatial += [[side] * axes for side in COMMON_SIDES]
            return [[layer.in_channels, *sides] for sides in spatial]
        if isinstance(layer, nn.Linear):
            return [[layer.in_features], [*given[:-1], layer.in_features]]
    return []
