from pathlib import Path

import numpy as np
import pytest

from keiryo.errors import InputError
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.packing import prepare_recording_pack
from keiryo.recordings.split import split_recordings
from small_recordings import noise, pack_of, pack_of_lengths, pcm, write


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> RecordingPack:
    """300 sounds, ten of each of the 30 combinations."""
    source = locate_recordings("tones:count=300,seconds=0.1,rate=4000")
    return prepare_recording_pack(source, folder=tmp_path_factory.mktemp("tones") / "pack")


def named(folder: Path, names: list[str], *, pattern: str) -> RecordingPack:
    for number, name in enumerate(names):
        write(folder / "set" / name, noise(300, seed=number))
    return pack_of(folder / "set", folder / "pack", condition=pattern)


def test_a_fifth_of_every_combination_is_held_out(tones: RecordingPack) -> None:
    splits = split_recordings(tones, seed=3)
    assert sorted([*splits.train, *splits.val]) == list(range(300))
    combinations = tones.labels[splits.val] @ (6, 1)
    assert np.bincount(combinations, minlength=30).tolist() == [2] * 30
    assert not splits.findings


def test_the_seed_decides_and_folds_hold_out_all(tones: RecordingPack) -> None:
    one, same, other = (split_recordings(tones, seed=seed).val.tolist() for seed in (1, 1, 2))
    assert one == same != other
    folds = [split_recordings(tones, seed=1, fold=fold).val for fold in range(5)]
    assert sorted(np.concatenate(folds)) == list(range(300))


def test_without_conditions_a_fifth_of_all_is_held_out(tmp_path: Path) -> None:
    splits = split_recordings(pack_of_lengths(tmp_path, [300] * 13), seed=0)
    assert len(splits.val) == 3


def test_where_combinations_are_small_the_first_condition_is_balanced(tmp_path: Path) -> None:
    names = [f"{digit}_{take}.wav" for digit in range(4) for take in range(10)]
    pack = named(tmp_path, names, pattern=r"(?P<digit>\d)_(?P<take>\d)")
    for seed in range(5):
        splits = split_recordings(pack, seed=seed)
        assert np.bincount(pack.labels[splits.val, 0]).tolist() == [2, 2, 2, 2]


def test_copies_stay_on_one_side(tmp_path: Path) -> None:
    for number in range(10):
        samples = pcm(noise(300, seed=number))
        write(tmp_path / "set" / f"{number}.wav", samples)
        write(tmp_path / "set" / f"{number}_again.flac", samples)
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    for seed in range(10):
        splits = split_recordings(pack, seed=seed)
        sides = [
            {pack.header.recordings[r].checksum for r in s} for s in (splits.train, splits.val)
        ]
        assert not sides[0] & sides[1]
        assert len(splits.val) == 4


def test_every_value_is_trained_on(tmp_path: Path) -> None:
    names = [*(f"a_{take}.wav" for take in range(10)), "b_0.wav", "c_0.wav", "c_1.wav"]
    pack = named(tmp_path, names, pattern="(?P<speaker>[a-z])_")
    was_said = 0
    for seed in range(20):
        splits = split_recordings(pack, seed=seed)
        assert set(pack.labels[splits.train, 0]) == {0, 1, 2}
        (finding,) = splits.findings
        assert "speaker=b" in finding.evidence
        was_said += "speaker=c" in finding.evidence
    assert 0 < was_said < 20


def test_what_cannot_be_split_is_refused(tmp_path: Path) -> None:
    samples = noise(300)
    write(tmp_path / "set" / "a.wav", samples)
    write(tmp_path / "set" / "b.wav", samples)
    with pytest.raises(InputError, match="only one recording, in 2 copies"):
        split_recordings(pack_of(tmp_path / "set", tmp_path / "pack"), seed=0)
    pack = named(tmp_path / "all", ["a_.wav", "b_.wav", "c_.wav"], pattern="(?P<who>.)_")
    with pytest.raises(InputError, match="the only one with its conditions"):
        split_recordings(pack, seed=0)


def test_a_recording_that_is_alone_is_cut_into_pieces(tmp_path: Path) -> None:
    write(tmp_path / "one" / "set" / "a.wav", noise(80_000))
    whole = pack_of(tmp_path / "one" / "set", tmp_path / "one" / "pack")
    splits = split_recordings(whole, seed=0)
    assert (len(splits.train), len(splits.val)) == (4, 1)
    assert splits.pack.counts.tolist() == [16_000] * 5
    pieces = np.concatenate([splits.pack.recording(row) for row in range(5)])
    np.testing.assert_array_equal(pieces, whole.recording(0))
    assert splits.pack.header.recordings[1].name == "a.wav, 2.0 to 4.0 s"
    assert [finding.code for finding in splits.findings] == ["cut_into_pieces"]
    # With conditions, each of the two speakers is.
    for speaker in "xy":
        sound = noise(40_000, seed=ord(speaker))
        write(tmp_path / "two" / "set" / f"{speaker}_.wav", sound)
    pack = pack_of(tmp_path / "two" / "set", tmp_path / "two" / "pack", condition="(?P<who>.)_")
    splits = split_recordings(pack, seed=0)
    assert sorted(splits.pack.labels[splits.val, 0]) == [0, 1]


def test_near_copies_stay_on_one_side(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(12):
        loudness = np.repeat(random.uniform(0.1, 1, 20), 200).astype(np.float32)
        sound = loudness * noise(4000, seed=number)
        write(tmp_path / "set" / f"{number}.wav", sound)
        if number < 6:
            write(tmp_path / "set" / f"{number}_soft.wav", 0.3 * sound)
            write(tmp_path / "set" / f"{number}_lossy.ogg", sound)
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    for seed in range(3):
        splits = split_recordings(pack, seed=seed)
        (finding,) = splits.findings
        assert finding.code == "near_copies"
        assert sorted(len(group.files) for group in finding.groups) == [3] * 6
        names = [{pack.header.recordings[row].name for row in side}
                 for side in (splits.train, splits.val)]  # fmt: skip
        for group in finding.groups:
            assert any(set(group.files) <= side for side in names)


def test_the_owners_split_is_kept_and_its_leaks_are_told(tmp_path: Path) -> None:
    for number, name in enumerate(["train/x_1", "train/x_2", "val/x_3", "val/y_4"]):
        write(tmp_path / "set" / f"{name}.wav", noise(3000, seed=number))
    write(tmp_path / "set" / "val" / "x_5.wav", noise(3000, seed=0) * np.float32(0.5))
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition="(?P<who>[xy])_")
    splits = split_recordings(pack, seed=0)
    held_out = [pack.header.recordings[row].name for row in splits.val]
    assert held_out == ["val/x_3.wav", "val/x_5.wav", "val/y_4.wav"]
    findings = {finding.code: finding for finding in splits.findings}
    assert set(findings) == {"split_leak", "value_not_trained"}
    assert findings["split_leak"].groups[0].files == ["train/x_1.wav", "val/x_5.wav"]
    assert "who y" in findings["value_not_trained"].evidence
    with pytest.raises(InputError, match=r"--hold-out x: .* has a split"):
        split_recordings(pack, seed=0, hold_out="x")


def test_recordings_of_a_pattern_are_held_out(tmp_path: Path) -> None:
    names = ["theo/1.wav", "theo/2.wav", "lucas/1.wav", "george/1.wav"]
    for number, name in enumerate(names):
        write(tmp_path / "set" / name, noise(3000, seed=number))
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    splits = split_recordings(pack, seed=0, hold_out="theo")
    assert [pack.header.recordings[row].name for row in splits.val] == names[:2]
    for pattern, said in (("[0-9]", "matches all"), ("nobody", "matches none"), ("(", "regular")):
        with pytest.raises(InputError, match=said):
            split_recordings(pack, seed=0, hold_out=pattern)
