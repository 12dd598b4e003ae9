"""The targets of an export, a row each."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import nn

from keiryo.errors import InputError
from keiryo.export.agreement import answers_alike, equals
from keiryo.export.int8 import encodings_in_int8
from keiryo.export.onnx import Run, encode_onnx, open_onnx
from keiryo.models.saved import SavedModel
from keiryo.records.export import Agreement

ReadCalibration = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Target:
    """A kind of file that other runtimes execute: how it is made, run here, and judged.

    `packages` are those that this needs, and `extra` is the extra of keiryo that installs them.
    `encodings` yields the bytes of the file; if more than once, each is closer to the network than
    the one before. It is given a function that returns training images (N, size, size, 3), uint8.
    `holds` is the gate: whether an agreement is enough, given the largest allowed drop of accuracy.
    """

    file_name: str
    extra: str
    packages: tuple[str, ...]
    encodings: Callable[[nn.Module, SavedModel, ReadCalibration], Iterator[bytes]]
    open: Callable[..., Run]
    holds: Callable[[Agreement, float], bool]
    is_rounded: bool = False


def _encode_onnx(
    network: nn.Module, description: SavedModel, read_calibration: ReadCalibration
) -> Iterator[bytes]:
    yield encode_onnx(network, description)


def _encode_int8(
    network: nn.Module, description: SavedModel, read_calibration: ReadCalibration
) -> Iterator[bytes]:
    return encodings_in_int8(encode_onnx(network, description), read_calibration())


PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TARGETS = {
    "onnx": Target("model.onnx", "onnx", PACKAGES, _encode_onnx, open_onnx, equals),
    "onnx-int8": Target(
        "model-int8.onnx", "onnx", PACKAGES, _encode_int8, open_onnx, answers_alike, is_rounded=True
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
