"""A trained WaveNet as one safetensors file that says how to rebuild it and what it was told.

Nothing is unpickled.
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationError

from keiryo.errors import InputError
from keiryo.models.meta import without_weights
from keiryo.models.saved import MODEL_FILE
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text, write_tensors
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.conditions import Category

FORMAT_VERSION = 1


class SavedWaveNet(BaseModel):
    """The description that is saved with the weights.

    `rate` is samples a second; `categories` the conditions and their values, in the order of
    the network's labels; `normalized` says that recordings were brought to full scale.
    """

    kind: Literal["wavenet"] = "wavenet"
    format_version: int = FORMAT_VERSION
    keiryo_version: str
    rate: int = Field(ge=1)
    normalized: bool = False
    categories: list[Category]
    configuration: WaveNetConfiguration


def save_wavenet(path: Path, network: WaveNet, description: SavedWaveNet) -> None:
    """Write the state of `network` with its description to `path`, whole or not at all."""
    write_tensors(path, network.state_dict(), description.model_dump_json())


def load_wavenet(place: Path) -> tuple[WaveNet, SavedWaveNet]:
    """Rebuild the network in a file, or in the folder of a training, on the CPU, for inference.

    Raises InputError where there is none, or it is damaged or something else.
    """
    path = place / MODEL_FILE if place.is_dir() else place
    if not path.is_file():
        missing = f"{place}: holds no {MODEL_FILE}" if place.is_dir() else f"{path}: no such file"
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
    values = tuple(len(category.values) for category in description.categories)
    if values != description.configuration.labels:
        raise InputError(f"{path}: its conditions do not fit its own description")
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{path}: {name} holds values that are no numbers (NaN or infinite)")
    return network.eval(), description
