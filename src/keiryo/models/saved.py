"""A trained model as one safetensors file that says how to rebuild itself.

The weights are ordinary safetensors; the header's metadata holds, as JSON under
the key `keiryo`, everything else that is needed to use them: the model's name,
the classes, the input size and how a picture is prepared. Nothing is unpickled.
"""

from pathlib import Path

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from keiryo.errors import InputError
from keiryo.files import replaced_file
from keiryo.models.spec import build

MODEL_FILE = "model.safetensors"
METADATA_KEY = "keiryo"
FORMAT_VERSION = 1
PIXEL_MAXIMUM = 255.0


class Preprocessing(BaseModel):
    """How an RGB picture of values 0 to 255 becomes the network's input.

    The shorter side is scaled to `size` and the middle cut out (`fit`); then each
    channel becomes (value / 255 - mean) / std.
    """

    size: int
    fit: str = "crop"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class SavedModel(BaseModel):
    """What stands beside the weights."""

    format_version: int = FORMAT_VERSION
    keiryo_version: str
    model: str
    classes: list[str]
    preprocessing: Preprocessing


def channels_last(network: nn.Module) -> nn.Module:
    """Lay the weights of `network` out as (N, H, W, C), in place, and return it.

    oneDNN and cuDNN are fastest in this layout, and pictures are decoded into it.
    """
    # torch's own annotations of Module.to leave the layout out.
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def normalize(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return uint8 pictures (N, 3, H, W) as the float32 input of a network, same layout."""
    mean = torch.tensor(preprocessing.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std, device=images.device).view(1, 3, 1, 1)
    # In place, as one scale and one shift: this touches every pixel of every step.
    return images.float().mul_(1 / (PIXEL_MAXIMUM * std)).sub_(mean / std)


def save_model(path: Path, network: nn.Module, description: SavedModel) -> None:
    """Write the state of `network` with its description to `path`, whole or not at all."""
    state = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replaced_file(path) as temporary:
        save_file(state, temporary, metadata={METADATA_KEY: description.model_dump_json()})


def read_description(path: Path) -> SavedModel:
    """Return what stands beside the weights in `path`, without reading them.

    Raises InputError where the file is missing, damaged or not one of keiryo's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        return SavedModel.model_validate_json(metadata[METADATA_KEY])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None
    except (KeyError, ValidationError):
        raise InputError(
            f"{path}: has no description by keiryo; give a model.safetensors that keiryo wrote"
        ) from None


def load_model(path: Path) -> tuple[nn.Module, SavedModel]:
    """Rebuild the network in `path` on the CPU, in evaluation mode, with its description.

    Raises InputError where the file is damaged or does not fit its own description.
    """
    description = read_description(path)
    with torch.device("meta"):
        network = build(description.model, classes=len(description.classes))
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise InputError(f"{path}: the weights do not fit {description.model} ({error})") from None
    return network.eval(), description
