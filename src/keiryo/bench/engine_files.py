"""The file of one network for each engine, and how far its answers are from the network's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from keiryo.errors import InputError
from keiryo.export.deployed import ImageClassifier
from keiryo.export.targets import find_target
from keiryo.export.trained import TrainedNetwork
from keiryo.measure.engines import ENGINES
from keiryo.models.saved import SavedModel, load_model
from keiryo.models.users_module import users_forward
from keiryo_runtime.engines import Run, open_model

COMPARED_IMAGES = 2
# Of a network with random weights, whose integers are to be as fast as those of a trained one.
CALIBRATION_IMAGES = 8


@dataclass(frozen=True)
class EngineFile:
    """The file that an engine runs, or the folder of several.

    `largest_difference` is that of a probability from the trained network's, on random images;
    None: not compared.
    """

    path: Path
    largest_difference: float | None = None


def engine_files(
    model: Path,
    engines: Sequence[str],
    folder: Path,
    *,
    is_exported: bool,
    is_trained: bool,
    say: Callable[[str], None],
) -> dict[str, EngineFile]:
    """Return the file for each of the `engines` of the network in the file `model`.

    One that `keiryo export` has written beside it is taken; others are written into `folder`. If
    `is_exported`, `model` is the file of the only engine. Raises InputError if the network cannot
    be exported, or if it `is_trained` and has no file of integers: these are calibrated on training
    images.
    """
    files = {
        engine: EngineFile(model) for engine in engines if is_exported or not ENGINES[engine].target
    }
    missing = [engine for engine in engines if engine not in files]
    if not missing:
        return files
    network, description = load_model(model)
    size = description.preprocessing.size
    trained = TrainedNetwork(network, description, lambda: _random_images(CALIBRATION_IMAGES, size))
    for engine in missing:
        title = ENGINES[engine].title_with_version
        name = ENGINES[engine].target or ""
        target = find_target(name)
        path = model.parent / target.name
        if path.exists():
            ENGINES[engine].describe(path)  # says what is wrong with a damaged one
            say(f"Taking {path} for {title} ...")
        elif is_trained and target.is_rounded:
            raise InputError(
                f"--engine {engine}: integers are calibrated on training images; first call: "
                f"keiryo export {model.parent} --to {name}"
            )
        else:
            say(f"Exporting {description.model} for {title} ...")
            path = folder / target.name
            with users_forward(description.model):
                target.write(path, next(target.attempts(trained)))
        run, _ = open_model(path, threads=1)
        difference = _largest_difference(network, description, run)
        files[engine] = EngineFile(path, difference)
    return files


def _random_images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def _largest_difference(network: nn.Module, description: SavedModel, run: Run) -> float:
    images = _random_images(COMPARED_IMAGES, description.preprocessing.size)
    classifier = ImageClassifier(network, description.preprocessing).eval()
    with users_forward(description.model), torch.inference_mode():
        expected = classifier(torch.from_numpy(images)).numpy()
    return float(np.abs(run(images) - expected).max())
