"""A trained model as one safetensors file, with the description to rebuild it.

The weights are ordinary safetensors. The header's metadata holds, as JSON, the model's name,
the classes, the input size and the preprocessing of an image. Nothing is unpickled.
"""

from pathlib import Path

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from keiryo.errors import InputError
from keiryo.models.meta import without_weights
from keiryo.models.spec import build
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text, write_tensors
from keiryo.records.data import Fit

MODEL_FILE = "model.safetensors"
FORMAT_VERSION = 1
PIXEL_MAXIMUM = 255.0


class Preprocessing(BaseModel):
    """The preprocessing that turns an RGB image, values 0 to 255, into a network's input.

    The image becomes a square of `size` pixels by `fit` (`keiryo.data.image.fit`); then each
    channel becomes (value / 255 - mean) / std.
    """

    size: int
    fit: Fit = "crop"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class SavedModel(BaseModel):
    """The description of a model that is saved with its weights."""

    format_version: int = FORMAT_VERSION
    keiryo_version: str
    model: str
    classes: list[str]
    preprocessing: Preprocessing
    # None: the family's default. Older files lack this field.
    batch_norm_epsilon: float | None = None
    # Marks of the images it was trained on (`keiryo.data.survey.identity`). None: not recorded.
    trained_on: str | None = None


def channels_last(network: nn.Module) -> nn.Module:
    """Lay out the weights of `network` as (N, H, W, C), in place, and return it.

    oneDNN and cuDNN are fastest in this layout, and images are decoded into it.
    """
    # PyTorch's annotations of Module.to lack the layout.
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def set_batch_norm_epsilon(network: nn.Module, epsilon: float) -> None:
    """Give every batch norm of `network` this epsilon, in place."""
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            layer.eps = epsilon


def normalize(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return uint8 images (N, 3, H, W) as the float32 input of a network, same layout."""
    mean = torch.tensor(preprocessing.mean, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std, device=images.device).view(1, 3, 1, 1)
    # One scale and one shift, in place, since every pixel of every step comes through here.
    return images.float().mul_(1 / (PIXEL_MAXIMUM * std)).sub_(mean / std)


def save_model(path: Path, network: nn.Module, description: SavedModel) -> None:
    """Write the state of `network` with its description to `path`, whole or not at all."""
    write_tensors(path, network.state_dict(), description.model_dump_json())


def read_description(path: Path) -> SavedModel:
    """Return the description in `path`, without reading the weights.

    Raises InputError if the file is missing, damaged or not saved by keiryo.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return SavedModel.model_validate_json(read_text(path))
    except (TensorFileError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: not a model that keiryo saved ({reason}); give a trial's {MODEL_FILE}"
        ) from None


def load_model(path: Path) -> tuple[nn.Module, SavedModel]:
    """Rebuild the network in `path` on the CPU, in evaluation mode, with its description.

    Raises InputError if the file is damaged or does not fit its own description.
    """
    description = read_description(path)
    with without_weights():
        network = build(description.model, classes=len(description.classes))
    try:
        network.load_state_dict(read_tensors(path), assign=True)
    except (TensorFileError, RuntimeError) as error:
        raise InputError(f"{path}: the weights do not fit {description.model} ({error})") from None
    if description.batch_norm_epsilon is not None:
        set_batch_norm_epsilon(network, description.batch_norm_epsilon)
    return network.eval(), description
