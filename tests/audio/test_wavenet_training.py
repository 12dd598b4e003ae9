"""A WaveNet learns, and goes on where it was as if it had never stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keiryo.audio.training.position import TrainingWatcher
from keiryo.audio.training.training import SoundTraining
from keiryo.errors import InputError
from keiryo.recordings.pack import RecordingPack
from small_recordings import pack_of, tone, write
from trainings import small_training

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> RecordingPack:
    folder = tmp_path_factory.mktemp("tones")
    for number in range(10):
        frequency = (300.0, 700.0)[number % 2] + number
        write(folder / "set" / f"{'lh'[number % 2]}_{number}.wav", tone(600, frequency=frequency))
    return pack_of(folder / "set", folder / "pack", condition="(?P<pitch>[lh])_")


def state_of(training: SoundTraining) -> dict[str, torch.Tensor]:
    own = {name: t.clone() for name, t in training.network.state_dict().items()}
    average = training.averaged_network.state_dict()
    return own | {f"average/{name}": t.clone() for name, t in average.items()}


@pytest.mark.parametrize(("output", "epochs"), [("softmax", 10), ("logistics", 30)])
def test_it_learns_what_comes_next(pack: RecordingPack, output: str, epochs: int) -> None:
    training = small_training(pack, epochs=epochs, output=output)
    before = training.likelihood(training._held_out).bits_per_sample
    assert training.run(TrainingWatcher())
    after = training.history[-1].val_bits_per_sample
    assert len(training.history) == epochs
    # Pure tones of which nothing is random but pitch and phase.
    assert after < 5 < 6 < before
    assert training.history[-1].train_bits_per_sample < training.history[0].train_bits_per_sample


def test_any_stop_leaves_the_bits_as_they_are(pack: RecordingPack, tmp_path: Path) -> None:
    whole = small_training(pack)
    assert whole.run(TrainingWatcher())
    steps = whole.position.steps
    for stop_after in (1, steps // 2, steps - 1):
        path = tmp_path / f"{stop_after}.safetensors"
        left = iter(range(stop_after - 1))
        stopped = small_training(pack, checkpoint=path)
        watcher = TrainingWatcher(wants_stop=lambda left=left: next(left, None) is None)
        assert not stopped.run(watcher)
        assert stopped.position.steps == stop_after
        torch.manual_seed(99)
        resumed = small_training(pack, checkpoint=path)
        assert resumed.run(TrainingWatcher())
        expected, found = state_of(whole), state_of(resumed)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        losses = [(e.train_bits_per_sample, e.val_bits_per_sample) for e in resumed.history]
        assert losses == [(e.train_bits_per_sample, e.val_bits_per_sample) for e in whole.history]


def test_a_checkpoint_of_another_training_is_refused(pack: RecordingPack, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    assert small_training(pack, epochs=1, checkpoint=path, fingerprint="a").run(TrainingWatcher())
    with pytest.raises(InputError, match="another configuration"):
        small_training(pack, epochs=1, checkpoint=path, fingerprint="b")
    with pytest.raises(InputError, match="checkpoint"):
        small_training(pack, epochs=1, checkpoint=path, fingerprint="a", skip_channels=9)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        small_training(pack, epochs=1, checkpoint=path, fingerprint="a")


def test_a_loss_that_is_no_number_ends_it_and_says_where(pack: RecordingPack) -> None:
    training = small_training(pack)
    with torch.no_grad():
        training.network.units[2].skip.weight[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"step 1, in epoch 1.*layers\.2\.skip\.weight"):
        training.run(TrainingWatcher())


def test_a_budget_of_time_ends_within_an_epoch(pack: RecordingPack) -> None:
    training = small_training(pack)
    training._budget = replace(training._budget, epochs=None, seconds=0.3)
    assert training.run(TrainingWatcher())
    assert training.history
    assert training.position.seconds < 3
    assert np.isfinite(training.history[-1].val_bits_per_sample)
