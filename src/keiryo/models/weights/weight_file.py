"""Weights read from other programs' files: safetensors, or files by `torch.save`.

No code in them is ever run: PyTorch's unpickler for weights makes only tensors and plain
containers, and refuses everything else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE, SavedModel
from keiryo.models.tensor_file import TensorFileError, read_tensors, read_text

# Keys under which training scripts save the state, such as torchvision's and timm's.
WRAPPINGS = ("state_dict", "model", "model_state_dict")
# Prefixes that DistributedDataParallel and torch.compile add to every name.
PREFIXES = ("module.", "_orig_mod.")
SAFETENSORS_LENGTH_BYTES = 8  # such a file begins with the header's length
ZIP_START = b"PK\x03\x04"
PICKLE_START = b"\x80"


@dataclass(frozen=True)
class Weights:
    """Tensors by the names in their file, with the description if keiryo saved it."""

    path: Path
    tensors: dict[str, Tensor]
    description: SavedModel | None = None


def read_weights(path: Path) -> Weights:
    """Return the weights in `path`, on the CPU.

    Raises InputError for a missing or damaged file, a file of another kind, a pickle of more
    than tensors, or a tensor with NaN or infinity.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}")
    with path.open("rb") as file:
        start = file.read(512)
    if start[SAFETENSORS_LENGTH_BYTES:].startswith(b"{"):
        weights = _read_safetensors(path)
    elif start.startswith((ZIP_START, PICKLE_START)):
        weights = Weights(path, _state_within(path, _unpickle(path)))
    elif start.lstrip().startswith(b"<"):
        raise InputError(f"{path}: a web page, not weights; give the address of the file itself")
    else:
        raise InputError(
            f"{path}: {'neither safetensors nor by torch.save' if start else 'empty'}; give weights"
        )
    _check_values(weights)
    return weights


def _read_safetensors(path: Path) -> Weights:
    try:
        tensors = _without_prefixes(read_tensors(path))
    except TensorFileError as error:
        raise InputError(f"{path}: damaged or incomplete ({_first_line(error)})") from None
    try:
        text = read_text(path)
    except TensorFileError:
        return Weights(path, tensors)
    try:
        return Weights(path, tensors, SavedModel.model_validate_json(text))
    except ValidationError:
        raise InputError(
            f"{path}: not a model that keiryo saved; give a trial's {MODEL_FILE}"
        ) from None


def _unpickle(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any way
        if unsafe := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise InputError(
                f"{path}: holds more than weights ({unsafe[1]}), and reading that would run its "
                "code; save its state_dict alone"
            ) from None
        if "TorchScript" in str(error):
            raise InputError(
                f"{path}: a TorchScript program; save the state_dict of its network instead"
            ) from None
        raise InputError(
            f"{path}: damaged, incomplete, or not by torch.save ({_first_line(error)})"
        ) from None


def _state_within(path: Path, content: object) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        wrapped = [content[key] for key in WRAPPINGS if isinstance(content.get(key), Mapping)]
        if not wrapped:
            break
        content = wrapped[0]
    if not isinstance(content, Mapping):
        raise InputError(
            f"{path}: holds a {type(content).__name__}, not a state_dict; save that alone"
        )
    if not content:
        raise InputError(f"{path}: holds no tensors")
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise InputError(
                f"{path}: its '{name}' is a {type(value).__name__}, not a tensor; "
                "save the state_dict alone"
            )
    return _without_prefixes({str(name): tensor for name, tensor in content.items()})


def _without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((p for p in PREFIXES if all(n.startswith(p) for n in tensors)), None):
        if not tensors:
            break
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _check_values(weights: Weights) -> None:
    for name, tensor in weights.tensors.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
            raise InputError(f"{weights.path}: {name} is sparse, quantised or without values")
        if not torch.isfinite(tensor).all():
            raise InputError(f"{weights.path}: {name} holds NaN or infinite values")


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
