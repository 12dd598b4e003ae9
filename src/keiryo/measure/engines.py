"""The engines that run a trained network, a row each.

All of them do the same work: from decoded images (N, size, size, 3), uint8, to probabilities
(N, classes), normalisation and softmax included. A new engine is a function that opens a file, and
a row of `ENGINES`.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from pydantic import ValidationError

from keiryo.errors import InputError, one_line
from keiryo.processes import may_spin, without_output
from keiryo.records.speed import TORCH

if TYPE_CHECKING:  # which would load torch
    from keiryo.models.saved import SavedModel

OPENVINO_GRAPH = "model.xml"
ALL = "all"  # the word for all engines that are installed
# The one to compare on, unless another is named.
DEFAULT = "onnx"
Run = Callable[[], object]


class Open(Protocol):
    """A function that opens a network's file, and returns a function that runs one batch.

    That function returns when the probabilities are there. `shape` is that of one example, without
    the batch, of a network that takes no images; None: an RGB image of the network's own size.
    """

    def __call__(
        self,
        file: Path,
        *,
        device: str,
        threads: int,
        batch: int,
        shape: tuple[int, ...] | None,
    ) -> Run: ...


@dataclass(frozen=True)
class Engine:
    """An engine: its name in words, the file that it runs, and how it opens that file.

    `target` is that of `keiryo export --to`, which writes the file, with the suffix `suffix`; None:
    it runs the trained model's own file. `packages` are those that the export and the engine need,
    the engine's own first; `extra` is the extra of keiryo that installs them. `describe` reads the
    description in a file, and raises InputError if it is no such file. `is_rounded` tells that the
    file computes with integers of 8 bits, whose answers are not those of the network.
    """

    title: str
    target: str | None
    suffix: str
    packages: tuple[str, ...]
    extra: str | None
    describe: "Callable[[Path], SavedModel]"
    open: Open
    on_processor_only: bool = True
    is_rounded: bool = False

    @property
    def title_with_version(self) -> str:
        """The name in words with the version that is installed."""
        version = importlib.metadata.version(self.packages[0])
        return f"{self.title} {version}" + ", int8" * self.is_rounded


def _describe_torch(file: Path) -> "SavedModel":
    from keiryo.models.saved import read_description

    return read_description(file)


def _describe_exported(file: Path) -> "SavedModel":
    import keiryo_runtime
    from keiryo.models.saved import SavedModel

    try:
        with without_output():  # ONNX Runtime prints remarks about some damaged files
            metadata = keiryo_runtime.load(file).metadata
    except keiryo_runtime.ModelError as error:
        raise InputError(one_line(str(error))) from None
    try:
        return SavedModel.model_validate(metadata)
    except ValidationError:
        raise InputError(f"{file}: its description is damaged; export it again") from None


def _open_with_torch(
    file: Path, *, device: str, threads: int, batch: int, shape: tuple[int, ...] | None
) -> Run:
    import torch

    from keiryo.models.saved import channels_last, load_model, normalize

    torch.set_num_threads(threads)
    network, description = load_model(file)
    network = channels_last(network.to(device))
    preprocessing = description.preprocessing
    if shape is None:
        pixels = torch.from_numpy(_random_images(batch, preprocessing.size)).to(device)
        images = pixels.permute(0, 3, 1, 2)

        def compute() -> object:
            return network(normalize(images, preprocessing)).softmax(1)

    else:
        inputs = torch.rand(batch, *shape, device=device)
        if inputs.dim() == 4:
            inputs = inputs.to(memory_format=torch.channels_last)
        compute = partial(network, inputs)

    @torch.inference_mode()
    def run() -> None:
        compute()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def _open_with_onnx_runtime(
    file: Path, *, device: str, threads: int, batch: int, shape: tuple[int, ...] | None
) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    if not may_spin():
        # Its threads spin from one operator to the next. Beside other work, a batch then took two
        # to four times as long, and nearly twice the processor time.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    images = _random_images(batch, taken.shape[1])
    return lambda: session.run(None, {taken.name: images})


def _open_with_openvino(
    file: Path, *, device: str, threads: int, batch: int, shape: tuple[int, ...] | None
) -> Run:
    openvino: Any = importlib.import_module("openvino")
    graph = file / OPENVINO_GRAPH if file.is_dir() else file
    # As the runtime does. Newer processors would else compute in 16 bits, and answer differently.
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(graph), "CPU", options)
    images = _random_images(batch, compiled.inputs[0].get_partial_shape()[1].get_length())
    return lambda: compiled(images)


def _random_images(batch: int, size: int) -> np.ndarray:
    """Return images (batch, size, size, 3), uint8."""
    return np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)


_ONNX = ("onnx", "onnxscript")
ENGINES = {
    TORCH: Engine(
        "PyTorch",
        None,
        ".safetensors",
        ("torch",),
        None,
        _describe_torch,
        _open_with_torch,
        on_processor_only=False,
    ),
    "onnx": Engine(
        "ONNX Runtime",
        "onnx",
        ".onnx",
        ("onnxruntime", *_ONNX),
        "onnx",
        _describe_exported,
        _open_with_onnx_runtime,
    ),
    "onnx-int8": Engine(
        "ONNX Runtime",
        "onnx-int8",
        ".onnx",
        ("onnxruntime", *_ONNX),
        "onnx",
        _describe_exported,
        _open_with_onnx_runtime,
        is_rounded=True,
    ),
    "openvino": Engine(
        "OpenVINO",
        "openvino",
        ".xml",
        ("openvino", *_ONNX),
        "openvino",
        _describe_exported,
        _open_with_openvino,
    ),
    "openvino-int8": Engine(
        "OpenVINO",
        "openvino-int8",
        ".xml",
        ("openvino", "nncf", *_ONNX),
        "openvino",
        _describe_exported,
        _open_with_openvino,
        is_rounded=True,
    ),
}
# Those whose answers are the network's, so that a comparison may take their figures.
FAITHFUL = tuple(name for name, engine in ENGINES.items() if not engine.is_rounded)


def engine_of_file(file: Path) -> str | None:
    """Return the engine that runs an exported file, or a folder of one; None: it is none.

    The file of a rounded network has the engine of its kind.
    """
    from keiryo_runtime.engines import find_exported_file

    exported = find_exported_file(file)
    suffix = None if exported is None else exported.suffix.lower()
    return next(
        (name for name, engine in ENGINES.items() if engine.target and engine.suffix == suffix),
        None,
    )


def find_engine(name: str, *, among: Sequence[str] = tuple(ENGINES)) -> Engine:
    """Return the engine called `name`.

    Raises InputError if it is not `among` those, or if a package that it needs is not installed.
    """
    if name not in among:
        raise InputError(f"--engine {name}: give {' or '.join(among)}")
    engine = ENGINES[name]
    for package in engine.packages:
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"--engine {name}: {package} is not installed; pip install 'keiryo[{engine.extra}]'"
            )
    return engine


def installed_engines() -> list[str]:
    """Return the engines that can be measured here."""
    return [name for name, engine in ENGINES.items() if _is_installed(engine)]


def default_engine() -> str:
    """Return the engine to compare on: ONNX Runtime, or torch if it is not installed."""
    return DEFAULT if _is_installed(ENGINES[DEFAULT]) else TORCH


def _is_installed(engine: Engine) -> bool:
    return all(importlib.util.find_spec(package) for package in engine.packages)
