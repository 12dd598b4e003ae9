"""A WaveNet learns, and goes on where it was as if it had never stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.errors import InputError
from keiryo.recordings.pack import RecordingPack
from keiryo.train.listener import TrainingListener
from keiryo.train.loop import Training
from small_recordings import pack_of, tone, write
from trainings import small_training


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> RecordingPack:
    folder = tmp_path_factory.mktemp("tones")
    for number in range(10):
        frequency = (300.0, 700.0)[number % 2] + number
        write(folder / "set" / f"{'lh'[number % 2]}_{number}.wav", tone(600, frequency=frequency))
    return pack_of(folder / "set", folder / "pack", condition="(?P<pitch>[lh])_")


def state_of(training: Training) -> dict[str, torch.Tensor]:
    own = {name: t.clone() for name, t in training.task.network.state_dict().items()}
    average = training.trained_network.state_dict()
    return own | {f"average/{name}": t.clone() for name, t in average.items()}


@pytest.mark.parametrize(("output", "epochs"), [("softmax", 10), ("logistics", 30)])
def test_it_learns_what_comes_next(pack: RecordingPack, output: str, epochs: int) -> None:
    training = small_training(pack, epochs=epochs, output=output)
    held_out = training.task.held_out
    before = training.task.likelihood(training.trained_network, held_out).bits_per_sample
    assert training.run(TrainingListener())
    history = training.position.history
    after = history[-1].val_loss / NATS_PER_BIT
    assert len(history) == epochs
    # Pure tones of which nothing is random but pitch and phase.
    assert after < 5 < 6 < before
    assert history[-1].train_loss < history[0].train_loss


def test_any_stop_leaves_the_bits_as_they_are(pack: RecordingPack, tmp_path: Path) -> None:
    whole = small_training(pack)
    assert whole.run(TrainingListener())
    steps = whole.position.steps
    for stop_after in (1, steps // 2, steps - 1):
        path = tmp_path / f"{stop_after}.safetensors"
        left = iter(range(stop_after - 1))
        stopped = small_training(pack, checkpoint=path)
        watcher = TrainingListener(wants_stop=lambda left=left: next(left, None) is None)
        assert not stopped.run(watcher)
        assert stopped.position.steps == stop_after
        torch.manual_seed(99)
        resumed = small_training(pack, checkpoint=path)
        assert resumed.run(TrainingListener())
        expected, found = state_of(whole), state_of(resumed)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        losses = [(e.train_loss, e.val_loss) for e in resumed.position.history]
        assert losses == [(e.train_loss, e.val_loss) for e in whole.position.history]


def test_a_checkpoint_of_another_training_is_refused(pack: RecordingPack, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    finished = small_training(pack, epochs=1, checkpoint=path, fingerprint="a")
    assert finished.run(TrainingListener())
    finished.save()
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
        training.task.network.units[2].skip.weight[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"step 1, in epoch 1.*layers\.2\.skip\.weight"):
        training.run(TrainingListener())


def test_a_budget_of_time_ends_within_an_epoch(pack: RecordingPack) -> None:
    training = small_training(pack)
    training._budget = replace(training._budget, epochs=None, seconds=0.3)
    assert training.run(TrainingListener())
    assert training.position.history
    assert training.position.seconds < 3
    assert np.isfinite(training.position.history[-1].val_loss)
