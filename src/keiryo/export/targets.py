"""The targets of an export, a row each."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from keiryo.errors import InputError
from keiryo.export import onnx
from keiryo.models.saved import SavedModel


@dataclass(frozen=True)
class Target:
    """A kind of file that other runtimes run, and how it is made and run here.

    `packages` are those that this needs, and `extra` is the extra of keiryo that installs them.
    `tolerance` is the largest difference of a probability that the gate allows.
    """

    file_name: str
    extra: str
    packages: tuple[str, ...]
    encode: Callable[[nn.Module, SavedModel], bytes]
    open: Callable[..., onnx.Run]
    tolerance: float


TARGETS = {
    "onnx": Target(
        "model.onnx",
        "onnx",
        ("onnx", "onnxscript", "onnxruntime"),
        onnx.encode_onnx,
        onnx.open_onnx,
        onnx.TOLERANCE,
    ),
}


def find_target(name: str) -> Target:
    """Return the target `name`.

    Raises InputError if there is none, or if a package that it needs is not installed.
    """
    if name not in TARGETS:
        raise InputError(f"--to {name}: give {' or '.join(TARGETS)}")
    target = TARGETS[name]
    for package in target.packages:
        try:
            importlib.import_module(package)
        except ImportError:
            raise InputError(
                f"--to {name}: {package} is not installed; pip install 'keiryo[{target.extra}]'"
            ) from None
    return target
