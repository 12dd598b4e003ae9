"""The targets of an export, a row each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from keiryo.errors import InputError
from keiryo.export.agreement import answers_alike, equals
from keiryo.export.onnx import open_onnx
from keiryo.export.openvino import encode_openvino, read_openvino
from keiryo.export.openvino_int8 import quantize_openvino
from keiryo.export.trained import TrainedNetwork
from keiryo.files import replace_file, replace_folder
from keiryo.records.export import Agreement
from keiryo_runtime.engines import Run

# The contents of files by their names.
Files = dict[str, bytes]


@dataclass(frozen=True)
class Target:
    """A kind of file that other runtimes execute: how it is made, and judged.

    `name` is that of the file, or of the folder of several files. `packages` are those that this
    needs, and `extra` is the extra of keiryo that installs them. `attempts` yields the files; if
    more than once, each attempt is closer to the network than the one before. `holds` is the gate:
    whether an agreement is enough, given the largest allowed drop of accuracy. `run_exactly` runs
    a rounded file as a processor that never saturates would.
    """

    name: str
    extra: str
    packages: tuple[str, ...]
    attempts: Callable[[TrainedNetwork], Iterator[Files]]
    holds: Callable[[Agreement, float], bool] = equals
    is_folder: bool = False
    run_exactly: Callable[[bytes, int], Run] | None = None

    def write(self, place: Path, files: Files) -> None:
        """Write the `files` of an export to `place`, a file or a folder, whole or not at all."""
        if self.is_folder:
            with replace_folder(place) as temporary:
                for name, content in files.items():
                    (temporary / name).write_bytes(content)
        else:
            (content,) = files.values()
            with replace_file(place) as temporary:
                temporary.write_bytes(content)

    @property
    def is_rounded(self) -> bool:
        """True if the file computes with fewer bits than the network."""
        return self.holds is not equals


def _as_onnx(trained: TrainedNetwork) -> Iterator[Files]:
    yield {"model.onnx": trained.onnx}


def _as_onnx_int8(trained: TrainedNetwork) -> Iterator[Files]:
    for layers in trained.layers_in_float():
        yield {"model-int8.onnx": trained.quantizer.quantize(layers)}


def _as_openvino(trained: TrainedNetwork) -> Iterator[Files]:
    yield encode_openvino(read_openvino(trained.onnx), trained.description)


def _as_openvino_int8(trained: TrainedNetwork) -> Iterator[Files]:
    for layers in trained.layers_in_float():
        rounded = quantize_openvino(trained.onnx, trained.calibration_images, layers)
        yield encode_openvino(rounded, trained.description)


def _run_onnx_exactly(encoded: bytes, threads: int) -> Run:
    return open_onnx(encoded, threads=threads, exact=True)


ONNX = ("onnx", "onnxscript", "onnxruntime")
TARGETS = {
    "onnx": Target("model.onnx", "onnx", ONNX, _as_onnx),
    "onnx-int8": Target(
        "model-int8.onnx", "onnx", ONNX, _as_onnx_int8, answers_alike, run_exactly=_run_onnx_exactly
    ),
    "openvino": Target(
        "model-openvino", "openvino", (*ONNX, "openvino"), _as_openvino, is_folder=True
    ),
    "openvino-int8": Target(
        "model-openvino-int8",
        "openvino",
        (*ONNX, "openvino", "nncf"),
        _as_openvino_int8,
        answers_alike,
        is_folder=True,
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
        if find_spec(package) is None:
            raise InputError(
                f"--to {name}: {package} is not installed; pip install 'keiryo[{target.extra}]'"
            )
    return target
