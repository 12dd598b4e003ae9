"""A trained WaveNet as one safetensors file that says how to rebuild it and what it was told.

Nothing is unpickled.
"""

import json
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationError

from keiryo.audio.plan import CHECKPOINT_FILE, PACK_FOLDER, WaveNetPlan, wavenet_folder
from keiryo.errors import InputError
from keiryo.models.meta import without_weights
from keiryo.models.saved import MODEL_FILE
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text, write_tensors
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.conditions import Category
from keiryo.recordings.pack import open_recording_pack
from keiryo.version import __version__

FORMAT_VERSION = 1


class SavedWaveNet(BaseModel):
    """The description that is saved with the weights.

    `rate` is samples a second; `categories` the conditions and their values, in the order of
    the network's labels; `normalized` says that recordings were brought to full scale.
    `checkpoint_steps` is not saved: the steps made so far by a training that has not ended.
    """

    kind: Literal["wavenet"] = "wavenet"
    format_version: int = FORMAT_VERSION
    keiryo_version: str
    rate: int = Field(ge=1)
    normalized: bool = False
    categories: list[Category]
    configuration: WaveNetConfiguration
    checkpoint_steps: int | None = Field(default=None, exclude=True)


def save_wavenet(path: Path, network: WaveNet, description: SavedWaveNet) -> None:
    """Write the state of `network` with its description to `path`, whole or not at all."""
    write_tensors(path, network.state_dict(), description.model_dump_json())


def load_wavenet(place: Path) -> tuple[WaveNet, SavedWaveNet]:
    """Rebuild the network in a file, or in the folder of a training, on the CPU, for inference.

    In the folder of a training that runs or was killed, it is that of the last checkpoint. Raises
    InputError where there is none, or it is damaged or something else.
    """
    path = place / MODEL_FILE if place.is_dir() else place
    if place.is_dir() and _is_newer(place / CHECKPOINT_FILE, path):
        return _load_checkpoint(place)
    if not path.is_file():
        missing = f"{path}: no such file"
        if place.is_dir():
            missing = f"{place}: holds no {MODEL_FILE} or {CHECKPOINT_FILE}"
        raise InputError(f"{missing}; give the --out of a `keiryo wavenet train`")
    try:
        description = SavedWaveNet.model_validate_json(read_text(path))
        if description.format_version != FORMAT_VERSION:
            raise InputError(f"{path}: saved by another version of keiryo; train it again")
        with without_weights():
            network = WaveNet(description.configuration)
        tensors = read_tensors(path)
        network.load_state_dict(tensors, assign=True)
    except ValidationError:
        raise InputError(
            f"{path}: not a WaveNet that keiryo saved; give the --out of a `keiryo wavenet train`"
        ) from None
    except TensorFileError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a WaveNet that keiryo saved ({reason})") from None
    except RuntimeError:
        raise InputError(f"{path}: its weights do not fit its own description") from None
    _check(path, description, tensors)
    return network.eval(), description


def _load_checkpoint(folder: Path) -> tuple[WaveNet, SavedWaveNet]:
    """Rebuild the network of the checkpoint in the folder of a training: its averaged weights."""
    plan = wavenet_folder(folder).read_plan(WaveNetPlan)
    pack = open_recording_pack(folder / PACK_FOLDER, verify=False)
    path = folder / CHECKPOINT_FILE
    configuration = plan.configuration(pack)
    try:
        steps = int(json.loads(read_text(path))["steps"])
        prefix = "average/"
        averages = {
            name.removeprefix(prefix): tensor
            for name, tensor in read_tensors(path).items()
            if name.startswith(prefix)
        }
        with without_weights():
            network = WaveNet(configuration)
        network.load_state_dict(averages, assign=True)
    except (TensorFileError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "damaged"
        raise InputError(f"{path}: no checkpoint of this training ({reason})") from None
    description = SavedWaveNet(
        keiryo_version=__version__,
        rate=pack.rate,
        normalized=plan.normalize,
        categories=pack.categories,
        configuration=configuration,
        checkpoint_steps=steps,
    )
    _check(path, description, averages)
    return network.eval(), description


def _is_newer(checkpoint: Path, model: Path) -> bool:
    if not checkpoint.is_file():
        return False
    return not model.is_file() or checkpoint.stat().st_mtime_ns > model.stat().st_mtime_ns


def _check(path: Path, description: SavedWaveNet, tensors: dict[str, torch.Tensor]) -> None:
    values = tuple(len(category.values) for category in description.categories)
    if values != description.configuration.labels:
        raise InputError(f"{path}: its conditions do not fit its own description")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path}: {name} holds values that are no numbers (NaN or infinite)")
