from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from keiryo.errors import InputError
from keiryo.models.saved import Preprocessing, SavedModel, load_model, normalize, save_model
from keiryo.models.spec import build
from keiryo.models.tensor_file import write_tensors

OF_POSITIONS = """
import torch
from torch import nn

class Positions(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes)
        self.register_buffer("shares", torch.linspace(0, 1, 16).view(4, 4), persistent=False)

    def forward(self, x):
        return self.layer((x * self.shares).mean((2, 3)))

def deep(classes):
    rates = [rate.item() for rate in torch.linspace(0, 0.5, 2)]
    return nn.Sequential(Positions(8), *map(nn.Dropout, rates), nn.Linear(8, classes))
"""


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x04pickle"])
def test_what_is_not_a_model_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="model"):
        load_model(path)


def test_weights_without_a_description_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="description"):
        load_model(tmp_path / "other.safetensors")


def test_buffers_that_are_not_saved_and_factories_that_need_data(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OF_POSITIONS)
    for factory in ("Positions", "deep"):
        description = SavedModel(
            keiryo_version="0",
            model=f"{tmp_path}/mine.py:{factory}",
            classes=["a", "b"],
            preprocessing=Preprocessing(size=4, mean=(0.5,) * 3, std=(0.2,) * 3),
        )
        network = build(description.model, classes=2).eval()
        save_model(tmp_path / "model.safetensors", network, description)
        loaded, _ = load_model(tmp_path / "model.safetensors")
        images = torch.rand(2, 3, 4, 4)
        assert torch.equal(loaded(images), network(images))


def test_weights_may_be_read_by_whom_the_umask_says(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_tensors(tmp_path / "weights", {"weight": torch.zeros(3)}, "")
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


@settings(max_examples=20)
@given(st.floats(0.05, 0.9), st.floats(0.05, 0.5))
def test_normalization_is_value_over_255_less_mean_over_deviation(mean: float, std: float) -> None:
    images = torch.arange(48, dtype=torch.uint8).reshape(1, 3, 4, 4) * 5
    prepared = normalize(images, Preprocessing(size=4, mean=(mean,) * 3, std=(std,) * 3))
    torch.testing.assert_close(prepared, (images / 255 - mean) / std, atol=1e-4, rtol=1e-4)
