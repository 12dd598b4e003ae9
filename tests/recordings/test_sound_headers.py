"""A file whose header gives a wrong length is read as far as it goes, and that is said."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keiryo.errors import InputError
from keiryo.recordings.audit import audit_recordings
from keiryo.recordings.forming import read_recording
from keiryo.recordings.mu_law import encode
from keiryo.recordings.sources.sound_files import read_sound_format
from small_recordings import noise, pack_of, pcm, tone, write

SAMPLES = 3000


def file_with(path: Path, length: int, *, behind: bytes = b"") -> Path:
    """A WAV file of 3,000 samples, whose header gives `length` bytes of them."""
    write(path, pcm(tone(SAMPLES)))
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", length)
    path.write_bytes(bytes(data) + behind)
    return path


def codes_and_findings(tmp_path: Path) -> tuple[np.ndarray, set[str]]:
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    return pack.recording(0), {finding.code for finding in audit_recordings(pack)}


@pytest.mark.parametrize(
    ("length", "code"),
    [
        (0, "length_missing"),
        (2 * SAMPLES + 2, "length_wrong"),
        (2 * SAMPLES + 44, "length_wrong"),
    ],
)
def test_a_wrong_length_loses_no_sample(length: int, code: str, tmp_path: Path) -> None:
    path = file_with(tmp_path / "set" / "a.wav", length)
    samples, _ = read_recording(path)
    np.testing.assert_allclose(samples, tone(SAMPLES), atol=1e-4)
    codes, findings = codes_and_findings(tmp_path)
    assert len(codes) == SAMPLES
    assert findings == {code}


def test_samples_behind_the_end_are_told(tmp_path: Path) -> None:
    file_with(tmp_path / "set" / "a.wav", SAMPLES)
    codes, findings = codes_and_findings(tmp_path)
    assert len(codes) == SAMPLES // 2
    assert findings == {"length_wrong"}


@pytest.mark.parametrize("behind", [b"LIST\x04\0\0\0abcd" * 9, b"ID3\x03" + bytes(200)])
def test_chunks_and_tags_behind_the_samples_are_no_samples(behind: bytes, tmp_path: Path) -> None:
    file_with(tmp_path / "set" / "a.wav", 2 * SAMPLES, behind=behind)
    codes, findings = codes_and_findings(tmp_path)
    assert len(codes) == SAMPLES
    assert findings == set()


@pytest.mark.parametrize("ending", ["mp3", "aiff", "au", "caf", "w64", "voc"])
def test_a_folder_holds_all_that_can_be_read(ending: str, tmp_path: Path) -> None:
    write(tmp_path / "set" / f"a.{ending}", tone(SAMPLES))
    codes, findings = codes_and_findings(tmp_path)
    assert abs(len(codes) - SAMPLES) < 3000  # MP3 comes in frames
    assert findings == set()


def test_only_the_first_of_chained_streams_is_read_and_that_is_told(tmp_path: Path) -> None:
    streams = [write(tmp_path / f"{n}.ogg", noise(4000, seed=n)).read_bytes() for n in range(2)]
    path = tmp_path / "set" / "a.ogg"
    path.parent.mkdir()
    path.write_bytes(b"".join(streams))
    codes, findings = codes_and_findings(tmp_path)
    assert len(codes) == 4000
    assert findings == {"chained"}


def test_a_click_neither_trims_nor_softens_a_recording(tmp_path: Path) -> None:
    samples = noise(20_000)
    samples[10_000] = 1e6
    write(tmp_path / "set" / "a.wav", samples, subtype="FLOAT")
    pack = pack_of(tmp_path / "set", tmp_path / "pack", trim_db=60.0)
    expected = encode(np.clip(samples, -1, 1))
    found = pack.recording(0)
    assert len(found) == 20_000
    assert (found == expected).all()
    (finding,) = audit_recordings(pack)
    assert finding.code == "click"
    assert "1.25 s" in finding.files[0]


def test_an_offset_is_removed_before_silent_ends_are(tmp_path: Path) -> None:
    samples = np.zeros(24_000, np.float32)
    samples[8000:16_000] = tone(8000)
    write(tmp_path / "set" / "a.wav", samples + np.float32(0.1), subtype="FLOAT")
    pack = pack_of(tmp_path / "set", tmp_path / "pack", trim_db=60.0)
    assert 7900 < len(pack.recording(0)) <= 8000
    findings = {finding.code: finding for finding in audit_recordings(pack)}
    assert set(findings) == {"dc_offset", "trimmed"}
    short = tone(1900) * np.float32(0.5) + np.float32(0.4)
    write(tmp_path / "short" / "a.wav", short)
    (found,) = audit_recordings(pack_of(tmp_path / "short", tmp_path / "of_short"))
    assert found.code == "dc_offset"
    assert "+0.100" in findings["dc_offset"].files[0]


def test_clipped_crests_are_told_and_natural_ones_are_not(tmp_path: Path) -> None:
    for frequency in (30.0, 220.0):  # crests of 30 Hz stay at one value of 16 bits for long
        path = tmp_path / f"{frequency:.0f}"
        write(path / "set" / "a.wav", tone(8000, frequency=frequency))
        assert codes_and_findings(path)[1] == set()
    # So loud that it leaps from one end to the other, and that all of 16 bits is used.
    for factor, end in ((4, 0.9), (300, 1.0)):
        write(path / "set" / "a.wav", np.clip(factor * tone(8000), -end, end))
        assert codes_and_findings(path)[1] == {"clipped"}


def piped_flac(path: Path, samples: np.ndarray) -> bytearray:
    """A FLAC file as a program leaves it that writes to a pipe: without length and checksum."""
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, samples, 8000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:42] = bytes(20)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("samples", [1, 4096, 10_001])
def test_flac_from_a_pipe_is_read_to_its_end(samples: int, tmp_path: Path) -> None:
    data = piped_flac(tmp_path / "set" / "a.flac", noise(samples))
    assert read_sound_format(tmp_path / "set" / "a.flac").frames == samples
    found, _ = read_recording(tmp_path / "set" / "a.flac")
    np.testing.assert_allclose(found, noise(samples), atol=1e-4)
    (tmp_path / "set" / "a.flac").write_bytes(data[:-3])
    with pytest.raises(InputError, match="its last frame is not whole"):
        read_recording(tmp_path / "set" / "a.flac")


def test_of_two_parts_of_samples_the_first_is_read_and_that_is_said(tmp_path: Path) -> None:
    part = struct.pack("<4sI", b"data", 400) + pcm(noise(200)).tobytes()
    file_with(tmp_path / "set" / "a.wav", 2 * SAMPLES, behind=part)
    codes, findings = codes_and_findings(tmp_path)
    assert len(codes) == SAMPLES
    assert findings == {"length_wrong"}
