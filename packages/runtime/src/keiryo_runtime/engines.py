"""The engines that run exported models, a row for each kind of file."""

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

INPUT, OUTPUT = "images", "probabilities"
DESCRIPTION_KEY = "keiryo"

# From images (N, size, size, 3), uint8, to probabilities (N, classes).
Run = Callable[[np.ndarray], np.ndarray]


class ModelError(ValueError):
    """A file that is not a model that `keiryo export` wrote, with the reason."""


@dataclass(frozen=True)
class Engine:
    """A program that runs a kind of model file.

    `open` takes a file and a number of threads, and returns the function that runs the model and
    the JSON that keiryo wrote into it. `requirement` is what pip installs, and `package` the name
    to import.
    """

    name: str
    requirement: str
    package: str
    open: Callable[[Path, int], tuple[Run, str]]


def _open_onnx(path: Path, threads: int) -> tuple[Run, str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    description = session.get_modelmeta().custom_metadata_map.get(DESCRIPTION_KEY, "")
    return lambda images: np.asarray(session.run([OUTPUT], {INPUT: images})[0]), description


def _open_openvino(path: Path, threads: int) -> tuple[Run, str]:
    openvino: Any = importlib.import_module("openvino")
    if not path.read_bytes().lstrip().startswith(b"<?xml"):
        raise ValueError("no XML")  # OpenVINO would try it as other kinds, and print remarks
    core = openvino.Core()
    model: Any = core.read_model(path)
    description = ""
    if model.has_rt_info([DESCRIPTION_KEY]):
        description = model.get_rt_info([DESCRIPTION_KEY]).astype(str)
    # Newer processors would else compute in 16 bits, and answer differently.
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(model, "CPU", options)
    return lambda images: np.array(compiled(images)[OUTPUT]), description


ENGINES = {
    ".onnx": Engine("ONNX Runtime", "onnxruntime>=1.20", "onnxruntime", _open_onnx),
    ".xml": Engine("OpenVINO", "openvino>=2025.0", "openvino", _open_openvino),
}
# What pip installs with the runtime, as its pyproject.toml says.
REQUIREMENTS = ("numpy>=1.26", "onnxruntime>=1.20", "pillow>=11")


def find_exported_file(path: Path) -> Path | None:
    """Return the exported model at `path`: the file, or the only one in that folder.

    None: there is none, or several are.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix in ENGINES]
        return found[0] if len(found) == 1 else None
    return path if path.suffix.lower() in ENGINES else None


def open_model(path: Path, threads: int) -> tuple[Run, dict[str, Any]]:
    """Return the function that runs the model at `path`, and its description.

    Raises ModelError if the file is missing, damaged or not written by keiryo, or if its engine is
    not installed.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file")
    file = find_exported_file(path)
    if file is None:
        kinds = " or ".join(ENGINES)
        if path.is_dir():
            raise ModelError(f"{path}: holds not exactly one exported model ({kinds}); name a file")
        raise ModelError(f"{path}: not an exported model; give a file that ends in {kinds}")
    engine = ENGINES[file.suffix.lower()]
    try:
        importlib.import_module(engine.package)
    except ImportError:
        raise ModelError(
            f"{path}: {engine.name} runs it, which is not installed; "
            f"pip install '{engine.requirement}'"
        ) from None
    try:
        run, text = engine.open(file, threads)
    except Exception as error:  # engines raise many kinds
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"{path}: {engine.name} cannot read this file ({lines[-1].strip()})"
        ) from None
    try:
        description = json.loads(text)
        if not isinstance(description, dict):
            raise ValueError
    except ValueError:
        raise ModelError(f"{path}: a model, but not one that keiryo exported") from None
    return run, description
