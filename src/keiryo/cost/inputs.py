"""Example inputs to run a module on, and the error if it does not take them."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from keiryo.cost.calls import RunError
from keiryo.cost.running.meta_copy import weightless_copy
from keiryo.cost.running.trace import trace
from keiryo.errors import InputError

Shape = Sequence[int]
Inputs = Shape | Tensor | Sequence[Shape | Tensor]

SEED = 0
# Common sides of images, and lengths, of networks' inputs.
COMMON_SIDES = (224, 32, 28, 256, 299, 384, 64, 96, 128, 160, 192, 512, 16000)


def example_inputs(inputs: Inputs, device: str) -> list[Tensor]:
    """Return a tensor on `device` for each input; a shape gets a batch of one in front."""
    random = torch.Generator().manual_seed(SEED)
    examples = []
    for one in _as_list(inputs):
        if isinstance(one, Tensor):
            examples.append(torch.empty_like(one, device=device) if device == "meta" else one)
        elif device == "meta":
            examples.append(torch.empty(1, *one, device=device))
        else:
            examples.append(torch.rand(1, *one, generator=random, device=device))
    return examples


def shapes_without_batch(inputs: Inputs) -> list[int] | list[list[int]]:
    """Return the shape of one example, or of each input if there are several."""
    shapes = _shapes(inputs)
    return shapes[0] if len(shapes) == 1 else shapes


class InputShapeError(InputError):
    """A module does not take inputs of these shapes."""


def input_error(error: RunError, module: nn.Module, inputs: Inputs, label: str) -> InputShapeError:
    """Return an error that names the inputs that `module` refuses, and a shape that it takes."""
    given = " and ".join("x".join(map(str, shape)) or "nothing" for shape in _shapes(inputs))
    where = f"{error.module_name} ({type(error.module).__name__})" if error.module_name else label
    first = f"{label}: cannot be run on {given}"
    suggestion = _fitting_shape(module, inputs)
    if suggestion is not None:
        first += f"; it takes {'x'.join(map(str, suggestion))}"
    reason = _size_mismatch(error) or _describe_cause(error.__cause__)
    return InputShapeError(f"{first}\n  in {where}: {reason}")


def _size_mismatch(error: RunError) -> str | None:
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


def _as_list(inputs: Inputs) -> list[Shape | Tensor]:
    if isinstance(inputs, Tensor) or all(isinstance(size, int) for size in inputs):
        return [cast("Shape | Tensor", inputs)]
    return list(cast("Sequence[Shape | Tensor]", inputs))


def _shapes(inputs: Inputs) -> list[list[int]]:
    return [
        list(one.shape[1:]) if isinstance(one, Tensor) else list(one) for one in _as_list(inputs)
    ]


def _describe_cause(cause: BaseException | None) -> str:
    """Return the error in words, with the line of the user's code that raised it, if any."""
    if cause is None:
        return "failed"
    text = (str(cause).splitlines() or [""])[0]
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


def _fitting_shape(module: nn.Module, inputs: Inputs) -> list[int] | None:
    """Return a shape that `module` takes, found by trying; None if none was found."""
    if len(_as_list(inputs)) > 1:
        return None
    network = weightless_copy(module).eval()
    for shape in _likely_shapes(network, _shapes(inputs)[0]):
        try:
            trace(network, example_inputs(shape, "meta"))
        except RunError:
            continue
        return shape
    return None


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
