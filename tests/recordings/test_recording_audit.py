import shutil
from pathlib import Path
from typing import Any

import numpy as np

from keiryo.recordings.audit import audit_recordings
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.split import split_recordings
from keiryo.records.base import Finding
from small_recordings import noise, pack_of, pack_of_lengths, pcm, tone, write

PATTERN = r"^(?P<digit>\d)_"


def found(pack: RecordingPack, **options: Any) -> dict[str, Finding]:
    return {finding.code: finding for finding in audit_recordings(pack, **options)}


def test_nothing_is_said_of_healthy_recordings(tmp_path: Path) -> None:
    for number in range(10):
        write(tmp_path / "set" / f"{number % 2}_{number}.wav", noise(500, seed=number))
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition=PATTERN)
    assert not audit_recordings(pack, receptive_field=500)


def test_each_thing_that_was_left_out_or_changed_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write(folder / "good.wav", tone(2000))
    write(folder / "silent.wav", np.zeros(2000, np.float32))
    write(folder / "stereo.wav", noise(2000)[:, None].repeat(2, axis=1))
    write(folder / "loud.wav", 3 * noise(2000, seed=1), subtype="FLOAT")
    write(folder / "padded.wav", np.concatenate((np.zeros(800), noise(2000, seed=2))))
    (folder / "text.wav").write_text("no sound")
    (folder / "notes.txt").write_text("no sound")
    findings = found(pack_of(folder, tmp_path / "pack", trim_db=60.0))
    assert set(findings) == {
        "silent",
        "unreadable",
        "mixed_down",
        "beyond_full_scale",
        "trimmed",
        "other_files",
    }
    assert findings["silent"].files == ["silent.wav (silent: no sample differs)"]
    assert findings["unreadable"].files[0].startswith("text.wav (not a sound file")
    assert findings["mixed_down"].files == ["stereo.wav"]
    assert findings["beyond_full_scale"].files == ["loud.wav"]
    assert "0.1 s of silence" in findings["trimmed"].evidence
    for finding in findings.values():
        assert finding.evidence
        assert finding.advice


def test_copies_and_conflicts_are_told_by_samples(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    samples = pcm(noise(2000))
    write(folder / "0_a.wav", samples)
    write(folder / "0_b.flac", samples)
    write(folder / "0_c.wav", noise(2000, seed=1))
    shutil.copy(folder / "0_c.wav", folder / "1_c.wav")
    findings = found(pack_of(folder, tmp_path / "pack", condition=PATTERN))
    assert findings["exact_copies"].groups[0].files == ["0_a.wav", "0_b.flac"]
    conflict = findings["label_conflict"]
    assert conflict.severity == "error"
    assert conflict.groups[0].files == ["0_c.wav", "1_c.wav"]
    assert conflict.groups[0].labels == ["digit=0", "digit=1"]


def test_conditions_that_teach_nothing_are_said(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path / "set" / f"{number}_x.wav", noise(500, seed=number))
    pattern = r"(?P<digit>\d)_(?P<kind>x)"
    findings = found(pack_of(tmp_path / "set", tmp_path / "pack", condition=pattern))
    assert "'kind' is x" in findings["one_value"].evidence
    assert "digit=0 (1), digit=1 (1)" in findings["few_recordings"].evidence


def test_short_recordings_are_said_to_be_used(tmp_path: Path) -> None:
    pack = pack_of_lengths(tmp_path, [100, 101, 200])
    finding = found(pack, receptive_field=101)["shorter_than_field"]
    assert finding.severity == "info"
    assert finding.files == ["000.wav"]
    assert "1 of 3" in finding.evidence
    assert "used" in finding.advice


def test_what_is_wrong_with_a_recording_is_said_once_where_it_is_cut(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", noise(40_000)[:, None].repeat(2, axis=1))
    whole = pack_of(tmp_path / "set", tmp_path / "pack")
    pieces = split_recordings(whole, seed=0).pack
    assert len(pieces) == 5
    (finding,) = audit_recordings(whole, pieces=pieces)
    assert (finding.code, finding.files) == ("mixed_down", ["a.wav"])
    # What is short is a piece.
    assert len(found(whole, pieces=pieces, receptive_field=9000)["shorter_than_field"].files) == 5
