"""`keiryo wavenet` as a user runs it."""

import base64
import json
import re
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from conftest import Finished
from keiryo import api
from keiryo.audio.plan import CHECKPOINT_FILE
from keiryo.audio.saved import load_wavenet, save_wavenet
from keiryo.cli.main import main
from keiryo.cli.wavenet.sound import write_sound
from keiryo.models.tensor_file import read_tensors
from keiryo.records.places import REPORT_FILE
from small_recordings import noise, tone, write
from trainings import SIZE, SIZE_OPTIONS, TONES, StoppingListener

Run = Callable[..., Finished]
CONDITION = "pitch=A2,timbre=flute"
# Enough to depend on what came before.
LEARNING: dict[str, Any] = {"epochs": 3, "seed": 1, "batch": 2, "learning_rate": 0.03}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One training that several tests look at."""
    out = tmp_path_factory.mktemp("trained") / "out"
    api.train_wavenet(TONES, out=out, **LEARNING, **SIZE)
    return out


def samples_of(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(path, dtype="int16")
    return samples, rate


def weights_of(out: Path) -> dict[str, Any]:
    return read_tensors(out / "model.safetensors")


def test_training_prints_its_results_and_leaves_them(keiryo: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = keiryo("wavenet", "train", TONES, "--epochs", 2, *SIZE_OPTIONS, "--out", out, "--json")
    assert ended.status == 0, ended.err
    results = json.loads(ended.out)
    assert results == json.loads((out / "results.json").read_text())
    assert results["status"] == "done"
    assert results["network"]["receptive_field_samples"] == 1 + 1 + 2 * 7
    assert results["network"]["receptive_field_ms"] == pytest.approx(2.0)
    assert len(results["history"]) == 2
    assert 0 < results["val_bits_per_sample"] < 9
    assert results["val_bits_per_sample"] == pytest.approx(
        results["history"][-1]["val_bits_per_sample"]
    )
    assert {"rate_hz", "train_seconds", "findings"} <= results["data"].keys()
    assert (out / CHECKPOINT_FILE).exists()  # for more epochs later
    for sound in results["sounds"]:
        with wave.open(str(out / sound["file"])) as file:
            assert file.getframerate() == 8000
    assert "receptive field 16 samples (2 ms)" in ended.err
    assert "epoch 2:" in ended.err


def test_the_page_holds_sounds_images_and_figures(trained: Path, keiryo: Run) -> None:
    page = (trained / REPORT_FILE).read_text()
    results = json.loads((trained / "results.json").read_text())
    sounds = re.findall(r'<audio [^>]*src="data:audio/wav;base64,([^"]+)"', page)
    assert len(sounds) == len(results["sounds"]) > 2
    assert base64.b64decode(sounds[0]).startswith(b"RIFF")
    assert len(re.findall(r'<img src="data:image/png', page)) == len(sounds)
    assert f"{results['val_bits_per_sample']:.3f}" in page
    assert "keiryo wavenet generate" in page
    ended = keiryo("report", trained)
    assert ended.status == 0
    assert (trained / REPORT_FILE).read_text() == page


def test_a_stopped_training_goes_on_to_the_same_bits(
    trained: Path, keiryo: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped = api.train_wavenet(TONES, out=out, listener=StoppingListener(7), **LEARNING, **SIZE)
    assert stopped.status == "stopped"
    assert (out / CHECKPOINT_FILE).exists()
    # What it is by now can be listened to.
    heard = keiryo(
        "wavenet", "generate", out, "--condition", CONDITION, "--out", tmp_path / "a.wav"
    )
    assert heard.status == 0, heard.err
    ended = keiryo("wavenet", "train", "--resume", "--out", out)
    assert ended.status == 0, ended.err
    expected, found = weights_of(trained), weights_of(out)
    assert all(expected[name].equal(found[name]) for name in expected)
    again = keiryo("wavenet", "train", "--resume", "--out", out, "--json")
    assert again.status == 0
    assert json.loads(again.out)["history"][2]["epoch"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_ended_goes_on_to_the_same_bits(tmp_path: Path, number: int) -> None:
    def train(out: Path, *arguments: object) -> subprocess.Popen[str]:
        command = ["wavenet", "train", *map(str, arguments), "--out", str(out)]
        return subprocess.Popen(
            [sys.executable, "-m", "keiryo", *command], stderr=subprocess.PIPE, text=True
        )

    data = ["tones:count=200,seconds=0.5", "--epochs", 4, *SIZE_OPTIONS, "--batch", 2]
    whole = train(tmp_path / "whole", *data)
    _, err = whole.communicate(timeout=300)
    assert whole.returncode == 0, err
    out = tmp_path / "out"
    ended = train(out, *data)
    end = time.monotonic() + 120
    while number == signal.SIGKILL and not (out / CHECKPOINT_FILE).exists():
        assert time.monotonic() < end, "no checkpoint was written"
        assert ended.poll() is None, "it was over before"
        time.sleep(0.05)
    while not (out / "samples" / "epoch_0001.wav").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    ended.send_signal(number)
    _, err = ended.communicate(timeout=60)
    if number == signal.SIGINT:
        assert ended.returncode == 130
        assert f"continue with: keiryo wavenet train --resume --out {out}" in err
    resumed = train(out, "--resume")
    _, err = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, err
    expected, found = weights_of(tmp_path / "whole"), weights_of(out)
    assert all(expected[name].equal(found[name]) for name in expected)


def test_sound_is_generated_as_asked_for(trained: Path, keiryo: Run, tmp_path: Path) -> None:
    def sound(name: str, *arguments: object) -> np.ndarray:
        path = tmp_path / name
        ended = keiryo(
            "wavenet", "generate", trained, "--condition", CONDITION, "--seconds", 0.25,
            *arguments, "--out", path,
        )  # fmt: skip
        assert ended.status == 0, ended.err
        assert "times real time" in ended.err
        samples, rate = samples_of(path)
        assert (samples.shape, rate) == ((2000,), 8000)
        return samples

    first = sound("a.wav", "--seed", 3)
    assert (sound("b.wav", "--seed", 3) == first).all()
    assert (sound("c.wav", "--seed", 4) != first).any()
    assert (sound("d.wav", "--argmax", "--seed", 3) == sound("e.wav", "--argmax")).all()
    assert (sound("f.wav", "--top-p", 0.5, "--temperature", 0.8, "--seed", 3) != first).any()
    assert (sound("g.wav", "--weights", "int8", "--seed", 3)).any()
    write(tmp_path / "before.wav", tone(300))
    primed = sound("h.wav", "--prime", tmp_path / "before.wav", "--seed", 3)
    assert (primed != first).any()


def test_several_sounds_at_once_are_those_of_one(
    trained: Path, keiryo: Run, tmp_path: Path
) -> None:
    common = ["wavenet", "generate", trained, "--condition", CONDITION, "--seconds", 0.1]
    assert keiryo(*common, "--device", "auto", "--out", tmp_path / "one.wav").status == 0
    assert keiryo(*common, "--count", 3, "--out", tmp_path / "many.wav").status == 0
    many = [samples_of(tmp_path / f"many_{number}.wav")[0] for number in (1, 2, 3)]
    assert (many[0] == samples_of(tmp_path / "one.wav")[0]).all()
    assert (many[1] != many[2]).any()


def test_sound_is_streamed_onto_standard_output(
    trained: Path,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["keiryo", "wavenet", "generate", str(trained), "--condition", CONDITION]
    monkeypatch.setattr(sys, "argv", [*command, "--seconds", "0.1", "--out", "-"])
    capfdbinary.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    whole = capfdbinary.readouterr().out
    (tmp_path / "streamed.wav").write_bytes(whole)
    samples, rate = samples_of(tmp_path / "streamed.wav")
    assert (samples.shape, rate) == ((800,), 8000)
    write_sound(
        trained, seconds=0.1, condition=CONDITION, temperature=1.0, top_p=1.0, prime=None, count=1,
        seed=0, weights="float32", device="cpu", threads=1, out="-", raw=True, play=False,
        force=False,
    )  # fmt: skip
    raw = capfdbinary.readouterr().out
    np.testing.assert_array_equal(np.frombuffer(raw, "<i2"), samples)


def test_speed_is_measured_for_a_model_and_for_a_size(trained: Path, keiryo: Run) -> None:
    for arguments in ([trained], ["--stacks", 1, "--layers", 2, "--residual", 8, "--skip", 8]):
        few = ("--rounds", 1, "--streams", 2, "--wait-for-quiet", 0)
        ended = keiryo("wavenet", "bench", *arguments, *few, "--json")
        assert ended.status == 0, ended.err
        bench = json.loads(ended.out)
        assert [speed["way"] for speed in bench["speeds"]] == [
            "naive", "buffered", "keiryo's loop, float32", "keiryo's loop, int8",
            "keiryo's loop, float32", "keiryo's loop, int8",
        ]  # fmt: skip
        for speed in bench["speeds"]:
            rate = speed["samples_per_second"]
            assert speed["real_time_factor"] == pytest.approx(rate / bench["rate_hz"])


@pytest.fixture
def places(tmp_path: Path, trained: Path) -> dict[str, Path]:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.wav").write_text("no sound")
    for number in range(3):
        write(tmp_path / "silent" / f"{number}.wav", np.zeros(800, np.float32))
        write(tmp_path / "nan" / f"{number}.wav", np.full(800, np.nan, np.float32),
              subtype="FLOAT")  # fmt: skip
        write(tmp_path / "good" / f"{number}.wav", noise(400, seed=number))
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "there.wav").write_bytes(b"")
    return {"here": tmp_path, "trained": trained}


def test_what_playing_needs_is_said(
    trained: Path, keiryo: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ended = keiryo("wavenet", "generate", trained, "--condition", CONDITION, "--play")
    assert ended.status == 2
    assert "pip install 'keiryo[play]'" in ended.err


class Device:
    """Stands for the sound device: it takes what is played on it."""

    PortAudioError = OSError

    def __init__(self) -> None:
        self.heard, self.rate = b"", 0

    @contextmanager
    def RawOutputStream(self, samplerate: int, channels: int, dtype: str) -> Iterator[Any]:  # noqa: N802
        assert (channels, dtype) == (1, "int16")
        self.rate = samplerate
        yield SimpleNamespace(write=self._write)

    def _write(self, data: bytes) -> None:
        self.heard += data


def test_what_is_played_is_what_would_be_written(
    trained: Path, keiryo: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = Device()
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    arguments = ["wavenet", "generate", trained, "--condition", CONDITION, "--seconds", 0.1]
    assert keiryo(*arguments, "--play").status == 0
    assert keiryo(*arguments, "--out", tmp_path / "sound.wav").status == 0
    samples, rate = samples_of(tmp_path / "sound.wav")
    assert device.rate == rate
    np.testing.assert_array_equal(np.frombuffer(device.heard, "<i2"), samples)


def test_the_step_is_exported_once(trained: Path, keiryo: Run, tmp_path: Path) -> None:
    path = tmp_path / "step.onnx"
    ended = keiryo("wavenet", "export", trained, "--out", path, "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["size_bytes"] == path.stat().st_size
    assert told["largest_difference"] < 1e-4
    again = keiryo("wavenet", "export", trained, "--out", path)
    assert again.status == 2
    assert f"--out {path}: exists" in again.err


def test_a_model_whose_outputs_are_not_finite_is_not_exported(
    trained: Path, keiryo: Run, tmp_path: Path
) -> None:
    network, description = load_wavenet(trained)
    with torch.no_grad():
        network.output.weight.fill_(3e38)
    save_wavenet(tmp_path / "model.safetensors", network, description)
    path = tmp_path / "step.onnx"
    ended = keiryo("wavenet", "export", tmp_path, "--out", path)
    assert ended.status == 2, ended.err
    assert "cannot be exported: the network's output is not finite" in ended.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["train", "{here}/absent"], "absent: no such folder"),
        (["train", "{here}/empty"], "no recordings in it"),
        (["train", "{here}/text"], "none of its 1 recordings can be used"),
        (["train", "{here}/silent"], "none of its 3 recordings can be used"),
        (["train", "{here}/nan"], "none of its 3 recordings can be used"),
        (["train", "{here}/good", "--condition", "(?P<a>x)"], "does not match --condition"),
        (["train", "{here}/good", "--condition", "("], "not a regular expression"),
        (["train", "tones", "--condition", "(?P<a>x)"], "leave the option out"),
        (["train", "{here}/good", "--epochs", "0"], "--epochs 0"),
        (["train", "{here}/good", "--epochs", "1", "--minutes", "1"], "one of the two"),
        (["train", "{here}/good", "--minutes", "nan"], "--minutes nan"),
        (["train", "{here}/good", "--learning-rate", "nan"], "--learning-rate nan"),
        (["train", "{here}/good", "--rate", "1"], "--rate 1"),
        (["train", "{here}/good", "--trim-db", "-3"], "--trim-db"),
        (["train", "{here}/good", "--kernel", "1"], "--kernel 1"),
        (["train", "{here}/good", "--output", "normal"], "--output"),
        (["train", "{here}/good", "--device", "cuda"], "--device cuda"),
        (["train", "{here}/good", "--out", "{here}/text"], "not a WaveNet training"),
        (["train", "{here}/good", "--out", "{trained}"], "--resume"),
        (["train", "--resume", "--out", "{here}/empty"], "no WaveNet training to continue"),
        (
            ["train", "--resume", "--out", "{trained}", "--skip", "9"],
            "--skip 9: the WaveNet training in",
        ),
        (
            ["train", "--resume", "--out", "{trained}", "--no-dilation"],
            "--no-dilation: the WaveNet training in",
        ),
        (["generate", "{here}/absent"], "absent: no such file"),
        (["generate", "{here}/empty"], "holds no model.safetensors"),
        (["generate", "{here}/text.wav"], "not a WaveNet that keiryo saved"),
        (["generate", "{trained}"], "add pitch"),
        (["generate", "{trained}", "--condition", "pitch=A2"], "add timbre"),
        (
            ["generate", "{trained}", "--condition", "pitch=A9,timbre=flute"],
            "no value 'A9'. It has A2",
        ),
        (["generate", "{trained}", "--condition", "digit=1"], "no condition 'digit'"),
        (["generate", "{trained}", "--seconds", "0"], "--seconds 0"),
        (["generate", "{trained}", "--seconds", "nan"], "--seconds nan"),
        (["generate", "{trained}", "--count", "0"], "--count 0"),
        (["generate", "{trained}", "--device", "cuda"], "--device cuda"),
        (
            ["generate", "{trained}", "--device", "cuda", "--weights", "int8"],
            "int8 is for the processor alone",
        ),
        (["generate", "{trained}", "--count", "2", "--out", "-"], "one sound"),
        (["generate", "{trained}", "--raw"], "--raw"),
        (["generate", "{trained}", "--play", "--out", "a.wav"], "one of the two"),
        (["generate", "{trained}", "--play", "--count", "2"], "one sound"),
        (["generate", "{trained}", "--out", "sound.mp3"], "ends in .wav"),
        (["generate", "{trained}", "--out", "{here}/there.wav"], "exists"),
        (["generate", "{trained}", "--argmax", "--temperature", "1"], "one of the two"),
        (
            ["generate", "{trained}", "--temperature", "-1", "--condition", CONDITION],
            "--temperature -1",
        ),
        (["generate", "{trained}", "--top-p", "2", "--condition", CONDITION], "--top-p 2"),
        (
            ["generate", "{trained}", "--prime", "{here}/text.wav", "--condition", CONDITION],
            "text.wav: not",
        ),
        (["export", "{here}/empty"], "holds no model.safetensors"),
        (["export", "{trained}", "--out", "step.bin"], "ends in .onnx"),
        (["bench", "{here}/absent"], "no such file"),
        (["bench", "{trained}", "--skip", "9"], "leave the options out"),
        (["bench", "--layers", "99"], "--layers 99"),
        (["bench", "--rate", "0"], "--rate 0"),
    ],
)
def test_wrong_input_is_a_line_and_nothing_is_written(
    arguments: list[str], hint: str, places: dict[str, Path], keiryo: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (places["here"] / "cwd").mkdir()
    monkeypatch.chdir(places["here"] / "cwd")
    ended = keiryo("wavenet", *[part.format(**places) for part in arguments])
    assert ended.status == 2, ended.err
    assert hint in ended.err
    last = [line for line in ended.err.splitlines() if line.startswith("keiryo: ")]
    assert len(last) == 1
    assert "Traceback" not in ended.err
    assert not list(Path().rglob("*.wav"))


def test_recordings_shorter_than_the_field_are_trained_on_and_said(
    keiryo: Run, tmp_path: Path
) -> None:
    for number in range(4):
        write(tmp_path / "set" / f"{number}.wav", noise(60, seed=number))
    ended = keiryo(
        "wavenet", "train", tmp_path / "set", "--epochs", 1, "--stacks", 1, "--layers", 7,
        "--residual", 4, "--skip", 4, "--threads", 1, "--out", tmp_path / "out",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert "4 of 4 recordings are shorter than the receptive field of 129 samples" in ended.err
    # And a condition for a network that knows none is refused.
    refused = keiryo("wavenet", "generate", tmp_path / "out", "--condition", "digit=3")
    assert refused.status == 2
    assert "no condition 'digit'" in refused.err


def test_steps_far_too_large_fail_with_a_line(keiryo: Run, tmp_path: Path) -> None:
    ended = keiryo(
        "wavenet", "train", TONES, "--epochs", 3, *SIZE_OPTIONS, "--learning-rate", 1e30,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert ended.status == 2
    assert "keiryo: the training failed: the loss was no longer a number" in ended.err
    assert json.loads((tmp_path / "out" / "results.json").read_text())["status"] == "failed"
