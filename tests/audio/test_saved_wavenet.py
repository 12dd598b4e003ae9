"""A saved WaveNet is the same again, and nothing else is taken for one."""

from pathlib import Path

import pytest
import torch

from keiryo.audio.saved import SavedWaveNet, load_wavenet, save_wavenet
from keiryo.errors import InputError
from keiryo.models.tensor_file import write_tensors
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.conditions import Category


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, WaveNet, SavedWaveNet]:
    configuration = WaveNetConfiguration(
        stacks=1, layers_per_stack=2, residual_channels=4, gate_channels=4, skip_channels=4,
        labels=(2,),
    )  # fmt: skip
    network = WaveNet(configuration).eval()
    description = SavedWaveNet(
        keiryo_version="1",
        rate=8000,
        categories=[Category(name="digit", values=["1", "2"])],
        configuration=configuration,
    )
    path = tmp_path / "model.safetensors"
    save_wavenet(path, network, description)
    return path, network, description


def test_what_is_loaded_is_what_was_saved(saved: tuple[Path, WaveNet, SavedWaveNet]) -> None:
    path, network, description = saved
    for place in (path, path.parent):
        again, told = load_wavenet(place)
        assert told == description
        assert not again.training
        codes, label = torch.randint(0, 256, (1, 50)), torch.tensor([[1]])
        torch.testing.assert_close(again(codes, label), network(codes, label))
        for name, tensor in network.state_dict().items():
            assert torch.equal(again.state_dict()[name], tensor)


def test_what_is_none_is_refused_in_a_line(
    saved: tuple[Path, WaveNet, SavedWaveNet], tmp_path: Path
) -> None:
    path, network, description = saved
    state = network.state_dict()
    text = tmp_path / "text.safetensors"
    text.write_text("no tensors")
    short = tmp_path / "short.safetensors"
    short.write_bytes(path.read_bytes()[:-50])
    foreign = tmp_path / "foreign.safetensors"
    write_tensors(foreign, state, "{}")
    spoilt = tmp_path / "spoilt.safetensors"
    state["hidden.bias"][0] = torch.nan
    write_tensors(spoilt, state, description.model_dump_json())
    less = tmp_path / "less.safetensors"
    del state["hidden.bias"]
    write_tensors(less, state, description.model_dump_json())
    others = tmp_path / "others.safetensors"
    one = description.model_copy(update={"categories": []})
    write_tensors(others, network.state_dict(), one.model_dump_json())
    (tmp_path / "empty").mkdir()
    for place, hint in (
        (text, "not a WaveNet"),
        (short, "not a WaveNet"),
        (foreign, "not a WaveNet"),
        (spoilt, "hidden.bias holds values that are no numbers"),
        (less, "do not fit"),
        (others, "its conditions do not fit"),
        (tmp_path / "absent", "no such file"),
        (tmp_path / "empty", "holds no model.safetensors"),
    ):
        with pytest.raises(InputError, match=hint) as refused:
            load_wavenet(place)
        assert len(str(refused.value).splitlines()) == 1
        assert str(place) in str(refused.value)
