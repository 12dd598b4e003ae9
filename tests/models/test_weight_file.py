import argparse
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from keiryo.errors import InputError
from keiryo.models.weights.weight_file import read_weights

STATE = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        OrderedDict(STATE),
        {"state_dict": STATE, "epoch": 3},
        {"model": {f"module.{name}": tensor for name, tensor in STATE.items()}},
        {f"module._orig_mod.{name}": tensor for name, tensor in STATE.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves(content: object, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    tensors = read_weights(path).tensors
    assert tensors.keys() == STATE.keys()
    assert all(torch.equal(tensors[name], STATE[name]) for name in STATE)


def test_safetensors_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    save_file(STATE, path, metadata={"format": "pt"})
    weights = read_weights(path)
    assert torch.equal(weights.tensors["layer.weight"], STATE["layer.weight"])
    assert weights.description is None


class Harmful:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        read_weights(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(zipped: bool, tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "weights.pth"
    torch.save({"a": Harmful(trace)}, path, _use_new_zipfile_serialization=zipped)
    assert "holds more than weights (" in refused(path)
    path.write_bytes(pickle.dumps(Harmful(trace)))
    refused(path)
    assert not trace.exists()


def test_a_checkpoint_with_more_than_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": STATE, "args": argparse.Namespace(lr=1)}, path)
    assert "argparse.Namespace" in refused(path)
    torch.save(nn.Linear(2, 2), path)
    assert "save its state_dict alone" in refused(path)
    torch.save({"epoch": 3, "net": STATE}, path)
    assert "its 'epoch' is a int" in refused(path)
    torch.save([STATE], path)
    assert "holds a list" in refused(path)
    torch.save({}, path)
    assert "holds no tensors" in refused(path)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"", "empty"),
        (b"\n<!DOCTYPE html><html>404</html>", "a web page"),
        (b"GGUF and so on", "neither safetensors"),
        (b"PK\x03\x04 no archive", "damaged"),
        (b"\x80\x02 no pickle", "damaged"),
        (b"\xff\xff\xff\xff\x00\x00\x00\x00{", "damaged"),
    ],
)
def test_what_are_no_weights(content: bytes, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert hint in refused(path)


@pytest.mark.parametrize("kind", ["zip", "pickle", "safetensors"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_that_is_not_whole(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged" in refused(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({**STATE, "layer.bias": torch.tensor([1.0, value])}, path)
    assert "layer.bias holds NaN or infinite values" in refused(path)


def test_no_file(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "absent.pth")
    assert "a folder" in refused(tmp_path)
