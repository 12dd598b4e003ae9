"""A training that ended goes on, and is heard before it ends."""

import shutil
from pathlib import Path

import pytest
import torch

import keiryo
from keiryo.audio.listener import WaveNetListener
from keiryo.audio.plan import CHECKPOINT_FILE, wavenet_folder
from keiryo.audio.saved import load_wavenet
from keiryo.errors import InputError
from keiryo.models.saved import MODEL_FILE
from small_recordings import noise, write
from trainings import SIZE, TONES, StoppingListener


class Heard(WaveNetListener):
    """Notes the learning rate at which a training continues."""

    continued_at: float | None = None

    def continued(self, steps: int, learning_rate: float) -> None:
        self.continued_at = learning_rate


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ended") / "out"
    assert keiryo.train_wavenet(TONES, out=out, epochs=1, **SIZE).complete
    return out


def test_more_epochs_go_on_at_the_rate_of_the_longer_schedule(ended: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ended, out)
    heard = Heard()
    longer = keiryo.train_wavenet(out=out, resume=True, epochs=2, listener=heard)
    assert longer.complete
    assert (longer.epochs, len(longer.history)) == (2, 2)
    # Half of the cosine is left, after a warm-up of a twentieth.
    assert heard.continued_at == pytest.approx(5e-3 / 2, rel=0.15)
    first = keiryo.train_wavenet(out=ended, resume=True)
    assert longer.history[0].val_bits_per_sample == first.history[0].val_bits_per_sample
    # The plan is the longer one, so that resuming without options changes nothing.
    assert keiryo.train_wavenet(out=out, resume=True) == longer
    with pytest.raises(InputError, match=r"--epochs 1: .* begun with 2"):
        keiryo.train_wavenet(out=out, resume=True, epochs=1)


def test_one_that_kept_no_checkpoint_is_not_continued(ended: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ended, out)
    (out / CHECKPOINT_FILE).unlink()
    with pytest.raises(InputError, match="cannot be continued"):
        keiryo.train_wavenet(out=out, resume=True, epochs=2)
    assert keiryo.train_wavenet(out=out, resume=True).epochs == 1


def test_the_last_checkpoint_is_heard_while_there_is_no_model(ended: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ended, out)
    expected, description = load_wavenet(out)
    (out / MODEL_FILE).unlink()
    found, of_checkpoint = load_wavenet(out)
    assert of_checkpoint.checkpoint_steps
    assert description.checkpoint_steps is None
    assert of_checkpoint.categories == description.categories
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)
    (out / CHECKPOINT_FILE).write_bytes(b"{}")
    with pytest.raises(InputError, match="no checkpoint of this training"):
        load_wavenet(out)


def test_a_refusal_leaves_the_folder_free(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", noise(4000))
    out = tmp_path / "out"
    with pytest.raises(InputError, match="only one recording"):
        keiryo.train_wavenet(tmp_path / "set", out=out, epochs=1, **SIZE)
    assert not out.exists()


def test_minutes_end_with_a_part_of_the_held_out_samples(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "set" / f"{number}.wav", noise(400_000, seed=number))
    found = keiryo.train_wavenet(
        tmp_path / "set", out=tmp_path / "out", minutes=0.002, listener=StoppingListener(10**9),
        **SIZE,
    )  # fmt: skip
    assert found.complete
    assert found.held_out_samples == 400_000
    assert 0 < found.val_samples < 400_000
    assert found.sounds


def test_one_training_at_a_time_is_in_a_folder(ended: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ended, out)
    with wavenet_folder(out).occupy():
        for given in ({"resume": True, "epochs": 2}, {"data": TONES, "force": True, **SIZE}):
            with pytest.raises(InputError, match="another keiryo is running in it"):
                keiryo.train_wavenet(out=out, **given)
        assert load_wavenet(out)  # what is there can be heard meanwhile
    assert keiryo.train_wavenet(out=out, resume=True).complete


def test_force_removes_no_recording_that_it_needs(ended: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(ended, out)
    with pytest.raises(InputError, match=r"--force: would remove .*samples"):
        keiryo.train_wavenet(out / "samples", out=out, force=True, **SIZE)
    assert (out / "samples" / "generated_1.wav").is_file()


def test_a_training_goes_on_with_recordings_that_were_touched_moved_or_are_away(
    tmp_path: Path,
) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    for number in range(6):
        write(folder / f"{number}.wav", noise(4000, seed=number))
    (folder / "damaged.wav").write_bytes(b"no sound")
    listener = StoppingListener(2)
    stopped = keiryo.train_wavenet(folder, out=out, epochs=50, listener=listener, **SIZE)
    assert stopped.status == "stopped"
    other = Path(shutil.copytree(folder, tmp_path / "other"))

    def codes(data: Path | None = None) -> set[str]:
        listener = StoppingListener(1)
        found = keiryo.train_wavenet(data, out=out, resume=True, listener=listener, **SIZE)
        return {finding.code for finding in found.data.findings}

    (folder / "0.wav").touch()
    (folder / "1.wav").rename(folder / "renamed.wav")
    assert not {"data_away", "data_partly_away"} & codes()
    (folder / "2.wav").unlink()
    assert "data_partly_away" in codes()
    moved = folder.rename(tmp_path / "moved")
    assert "data_away" in codes()
    assert "data_away" not in codes(moved)
    write(other / "more.wav", noise(4000, seed=9))
    with pytest.raises(InputError, match=r"has changed \(1 recording new"):
        codes(other)
