from pathlib import Path

import numpy as np
import pytest

from keiryo.errors import InputError
from keiryo.recordings.audit import audit_recordings
from keiryo.recordings.packing import prepare_recording_pack
from keiryo.recordings.sources.tones import PITCHES, TIMBRES, Tones, make_tone, open_tones


def sound(tones: Tones, index: int) -> np.ndarray:
    return np.concatenate(list(tones.blocks(index)))[:, 0]


def test_the_seed_decides_every_bit() -> None:
    one, same, other = (Tones(count=40, seed=seed) for seed in (1, 1, 2))
    for index in (0, 3, 38):
        assert np.array_equal(sound(one, index), sound(same, index))
        assert not np.array_equal(sound(one, index), sound(other, index))


def test_a_sound_does_not_depend_on_how_many_there_are() -> None:
    assert np.array_equal(sound(Tones(count=20), 11), sound(Tones(count=500), 11))


@pytest.mark.parametrize("timbre", TIMBRES)
@pytest.mark.parametrize("pitch", PITCHES)
def test_its_pitch_is_the_one_that_it_is_labelled_by(timbre: str, pitch: str) -> None:
    for seed in range(3):
        samples = make_tone(pitch, timbre, rate=8000, samples=8000, seed=(seed,))
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2  # a line a Hz
        # No harmonic of one and no other note of its melodies lies so near to another one.
        energies = {
            name: spectrum[round(0.98 * f) : round(1.02 * f) + 1].sum()
            for name, f in PITCHES.items()
        }
        assert max(energies, key=energies.__getitem__) == pitch


@pytest.mark.parametrize("rate", [4000, 8000, 22_050])
def test_any_rate_and_length(rate: int) -> None:
    tones = Tones(count=30, rate=rate, seconds=0.3)
    for index in range(30):
        samples = sound(tones, index)
        assert samples.dtype == np.float32
        assert len(samples) == tones.format(index).frames == round(0.3 * rate)
        assert 0.35 < np.abs(samples).max() < 0.95


def test_every_pitch_comes_with_every_timbre() -> None:
    tones = open_tones("tones:count=60")
    assert [category.name for category in tones.conditions.categories] == ["pitch", "timbre"]
    assert len({tuple(labels) for labels in tones.conditions.labels[:30]}) == 30
    assert tones.names[31] == "A2_reed_000031"


def test_a_set_of_them_is_packed_without_findings(tmp_path: Path) -> None:
    tones = open_tones("tones:count=150,seed=4,rate=4000,seconds=0.25")
    pack = prepare_recording_pack(tones, folder=tmp_path / "pack")
    assert (len(pack), pack.rate, pack.seconds) == (150, 4000, pytest.approx(37.5, abs=0.5))
    assert {finding.code for finding in audit_recordings(pack)} <= {"trimmed"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tones:colour=3", "no option 'colour'; it has count, seed, rate, seconds"),
        ("tones:count=3", "count must be a whole number from 10"),
        ("tones:count=12.5", "whole number"),
        ("tones:seconds=nan", "seconds must be a number"),
        ("tones:rate=100", "rate must be"),
        ("tones:seed=1,seed=2", "twice"),
        ("tones:count", "count must be"),
    ],
)
def test_a_name_that_names_nothing_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_tones(name)
