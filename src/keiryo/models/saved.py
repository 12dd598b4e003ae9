"""A trained model as one safetensors file, with the description to rebuild it.

The weights are ordinary safetensors. The header's metadata holds, as JSON, the model's name,
the classes, the input size and the preprocessing of an image. Nothing is unpickled.
"""

import hashlib
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from keiryo.errors import InputError
from keiryo.models.meta import build_weightless
from keiryo.models.spec import ModelSpec, build, parse_spec, source_file
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text, write_tensors
from keiryo.records.data import Fit
from keiryo.records.places import MODEL_FILE, RESULTS_FILE

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


class Source(BaseModel):
    """The file of a user's own network: its path from the model's folder, and its digest."""

    relative_path: str
    sha256: str


class SavedModel(BaseModel):
    """The description of a model that is saved with its weights.

    A user's own network is not in the file: `model` names its FILE.py by an absolute path, and
    `source` helps to find that file again. Its code never travels with the weights.
    """

    format_version: int = FORMAT_VERSION
    keiryo_version: str
    model: str
    classes: list[str]
    preprocessing: Preprocessing
    # None: the family's default. Older files lack this field.
    batch_norm_epsilon: float | None = None
    # None: not a FILE.py. Older files lack this field, too.
    source: Source | None = None
    # Marks of the images it was trained on (`keiryo.data.survey.identity`). None: not recorded.
    trained_on: str | None = None


class SourceChangedWarning(UserWarning):
    """The user's own network has changed since its weights were saved."""


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


def changed_batch_norm_epsilon(network: nn.Module) -> float | None:
    """Return the epsilon that all batch norms of `network` share; None if it is PyTorch's."""
    found = {layer.eps for layer in network.modules() if isinstance(layer, _BatchNorm)}
    return found.pop() if len(found) == 1 and found != {nn.BatchNorm2d(1).eps} else None


def normalize(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return uint8 images (N, 3, H, W) as the float32 input of a network, same layout."""
    mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
    # A tensor made on a GPU from numbers would wait for all that the GPU has still to do.
    scale, shift = (
        values.to(images.device, non_blocking=True)
        for values in (1 / (PIXEL_MAXIMUM * std), mean / std)
    )
    # One scale and one shift, in place, since every pixel of every step comes through here.
    return images.float().mul_(scale).sub_(shift)


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


def describe_source(model: str, folder: Path) -> Source | None:
    """Return the file that `model` is defined in, as seen from `folder`; None if not a FILE.py."""
    file = source_file(parse_spec(model))
    if file is None or not file.is_file():
        return None
    try:
        relative = os.path.relpath(file, folder.resolve())
    except ValueError:  # on another drive
        relative = file.name
    return Source(relative_path=relative, sha256=_sha256(file))


def find_model_file(artifact: Path) -> Path:
    """Return the model's file in `artifact`: a trial's folder, a comparison's, or the file itself.

    That of a comparison is the recommended one. Raises InputError if the folder holds none.
    """
    if not artifact.is_dir():
        return artifact
    if (artifact / MODEL_FILE).exists():
        return artifact / MODEL_FILE
    wanted = "give the folder of a finished trial, such as OUT/trials/NAME, or a comparison's"
    try:
        results = json.loads((artifact / RESULTS_FILE).read_bytes())
        recommended = results["recommended_trial"]
        best = results.get("most_accurate_trial") or "trials/NAME"
    except FileNotFoundError:
        raise InputError(f"{artifact}: holds no {MODEL_FILE}; {wanted}") from None
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{artifact / RESULTS_FILE}: not a comparison's; {wanted}") from None
    if recommended is None:
        raise InputError(
            f"{artifact}: the comparison recommends no model; name one of its trials, such as "
            f"{artifact / str(best)}"
        )
    return artifact / str(recommended) / MODEL_FILE


def load_model(path: Path, *, source: Path | None = None) -> tuple[nn.Module, SavedModel]:
    """Rebuild the network in `path` on the CPU, in evaluation mode, with its description.

    `source` is the FILE.py of a user's own network, if it is not where it was. Warns with
    SourceChangedWarning if that file's content is another than at saving. Raises InputError if the
    file is damaged, does not fit its own description, or FILE.py is missing.
    """
    description = read_description(path)
    spec = _find_source(path, description, source)
    network = build_weightless(spec, classes=len(description.classes))
    try:
        network.load_state_dict(read_tensors(path), assign=True)
        if any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers())):
            # Buffers that are in no state, such as tables of positions, are made by the network.
            network = build(spec, classes=len(description.classes))
            network.load_state_dict(read_tensors(path))
    except (TensorFileError, RuntimeError) as error:
        raise InputError(f"{path}: the weights do not fit {spec} ({error})") from None
    if description.batch_norm_epsilon is not None:
        set_batch_norm_epsilon(network, description.batch_norm_epsilon)
    return network.eval(), description


def _find_source(path: Path, description: SavedModel, given: Path | None) -> ModelSpec:
    """Return the saved model's spec, with the FILE.py of a user's own network as it is here."""
    spec = parse_spec(description.model)
    file = source_file(spec)
    if file is None:
        if given is not None:
            raise InputError(
                f"--model-source {given}: {spec} in {path} is not defined in a file of its own; "
                "leave it out"
            )
        return spec
    saved = description.source
    places = [file] if saved is None else [file, path.resolve().parent / saved.relative_path]
    found = [place for place in ([given] if given is not None else places) if place.is_file()]
    if not found:
        if given is not None:
            raise InputError(f"--model-source {given}: no such file")
        raise InputError(
            f"{path}: its network is defined in {file.name}, which is not at {file} any more; "
            "name its place by --model-source FILE.py (in Python: load(..., source=...))"
        )
    same = [place for place in found if saved is None or _sha256(place) == saved.sha256]
    chosen = (same or found)[0]
    if not same:
        warnings.warn(
            f"{chosen}: has changed since {path} was trained; predictions may differ",
            SourceChangedWarning,
            stacklevel=3,
        )
    return replace(spec, name=str(chosen))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
