"""The engines that run a trained network, a row each.

All of them do the same work: from decoded images (N, size, size, 3), uint8, to probabilities
(N, classes), normalisation and softmax included. A new engine is a function that opens a file, and
a row of `ENGINES`.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import ValidationError

from keiryo.errors import InputError, one_line
from keiryo.processes import may_spin, without_output
from keiryo.records.speed import TORCH

if TYPE_CHECKING:  # which would load torch
    from keiryo.models.saved import SavedModel

SILENT = 4  # of ONNX Runtime's levels of severity: what ends the process
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
    description in a file, and raises InputError if it is no such file.
    """

    title: str
    target: str | None
    suffix: str
    packages: tuple[str, ...]
    extra: str | None
    describe: "Callable[[Path], SavedModel]"
    open: Open
    on_processor_only: bool = True

    @property
    def title_with_version(self) -> str:
        """The name in words with the version that is installed."""
        return f"{self.title} {importlib.metadata.version(self.packages[0])}"


def _describe_torch(file: Path) -> "SavedModel":
    from keiryo.models.saved import read_description

    return read_description(file)


def _describe_onnx(file: Path) -> "SavedModel":
    import onnxruntime

    import keiryo_runtime
    from keiryo.models.saved import SavedModel
    from keiryo_runtime.engines import DESCRIPTION_KEY

    try:
        with without_output():  # ONNX Runtime prints remarks about some damaged files
            keiryo_runtime.load(file)
    except keiryo_runtime.ModelError as error:
        raise InputError(one_line(str(error))) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        return SavedModel.model_validate_json(metadata[DESCRIPTION_KEY])
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


def _random_images(batch: int, size: int) -> np.ndarray:
    """Return images (batch, size, size, 3), uint8."""
    return np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)


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
        ("onnxruntime", "onnx", "onnxscript"),
        "onnx",
        _describe_onnx,
        _open_with_onnx_runtime,
    ),
}


def engine_of_file(file: Path) -> str | None:
    """Return the engine that runs an exported file with this suffix; None: it is no such file."""
    suffix = file.suffix.lower()
    return next(
        (name for name, engine in ENGINES.items() if engine.target and engine.suffix == suffix),
        None,
    )


def find_engine(name: str) -> Engine:
    """Return the engine called `name`.

    Raises InputError if there is none, or if a package that it needs is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"--engine {name}: give {' or '.join(ENGINES)}")
    engine = ENGINES[name]
    for package in engine.packages:
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"--engine {name}: {package} is not installed; pip install 'keiryo[{engine.extra}]'"
            )
    return engine
