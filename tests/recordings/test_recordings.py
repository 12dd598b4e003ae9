import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keiryo.errors import InputError
from keiryo.recordings.forming import read_recording
from keiryo.recordings.mu_law import decode, encode
from small_recordings import noise, pack_of, tone, write

DOCS = Path(__file__).parents[2] / "docs" / "recordings.md"

# ending, subtype -> how far its samples may be from those written
KINDS = {
    ("wav", "PCM_U8"): 1 / 100,
    ("wav", "PCM_16"): 1 / 30_000,
    ("wav", "PCM_24"): 1e-6,
    ("wav", "PCM_32"): 1e-6,
    ("wav", "FLOAT"): 0.0,
    ("wav", "DOUBLE"): 0.0,
    ("wav", "ULAW"): 0.02,
    ("wav", "ALAW"): 0.02,
    ("flac", "PCM_16"): 1 / 30_000,
    ("flac", "PCM_24"): 1e-6,
    ("ogg", "VORBIS"): 0.05,
}


@pytest.mark.parametrize(("ending", "subtype"), KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_any_kind_is_read_right(ending: str, subtype: str, channels: int, tmp_path: Path) -> None:
    expected = tone(6000, rate=16_000)
    written = expected[:, None].repeat(channels, axis=1)
    if channels == 2:
        written = written * (1.5, 0.5)  # whose mean it is
    path = write(tmp_path / f"a.{ending}", written, rate=16_000, subtype=subtype)
    samples, rate = read_recording(path)
    assert rate == 16_000
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, expected, atol=KINDS[ending, subtype] + 1e-7)


def test_resampling_keeps_pitch_and_length(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(44_100, rate=44_100), rate=44_100)
    samples, rate = read_recording(path, rate=8000)
    assert (len(samples), rate) == (8000, 8000)
    np.testing.assert_allclose(samples[200:-200], tone(8000)[200:-200], atol=0.002)


def test_long_and_short_ways_through_blocks_agree(tmp_path: Path) -> None:
    # Longer than several blocks at either rate.
    samples = noise(300_000)
    write(tmp_path / "set" / "a.wav", samples, rate=16_000, subtype="FLOAT")
    pack = pack_of(tmp_path / "set", tmp_path / "pack", rate=8000)
    whole, _ = read_recording(tmp_path / "set" / "a.wav", rate=8000)
    np.testing.assert_array_equal(pack.recording(0), encode(whole))


def test_samples_are_those_of_the_file(tmp_path: Path) -> None:
    samples = noise(3000)
    write(tmp_path / "set" / "a.wav", samples, subtype="FLOAT")
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    np.testing.assert_array_equal(pack.recording(0), encode(samples))


def test_silence_is_cut_off_both_ends_only(tmp_path: Path) -> None:
    samples = np.zeros(200_000, np.float32)
    samples[70_000:70_100] = 0.5
    samples[150_000] = -0.01  # 34 dB below
    samples[180_000] = 0.0004  # 62 dB below
    write(tmp_path / "set" / "a.wav", samples, subtype="FLOAT")
    for trim_db, stop in ((60.0, 150_001), (30.0, 70_100), (70.0, 180_001)):
        pack = pack_of(tmp_path / "set", tmp_path / "pack", trim_db=trim_db)
        np.testing.assert_array_equal(pack.recording(0), encode(samples[70_000:stop]))
        assert pack.header.recordings[0].trimmed == 200_000 - (stop - 70_000)
    assert len(pack_of(tmp_path / "set", tmp_path / "pack").recording(0)) == 200_000


def test_recordings_are_made_as_loud_as_each_other_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", 0.02 * tone(4000), subtype="FLOAT")
    quiet = pack_of(tmp_path / "set", tmp_path / "pack")
    assert np.abs(decode(quiet.recording(0))).max() < 0.011
    loud = pack_of(tmp_path / "set", tmp_path / "pack", normalize=True)
    assert np.abs(decode(loud.recording(0))).max() == 1


def test_floats_on_the_scale_of_integers_are_not_clipped(tmp_path: Path) -> None:
    write(tmp_path / "set" / "a.wav", 30_000 * tone(4000), subtype="FLOAT")
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    np.testing.assert_allclose(decode(pack.recording(0)), 2 * tone(4000), atol=0.025)
    assert pack.header.recordings[0].was_beyond_full_scale
    samples, _ = read_recording(tmp_path / "set" / "a.wav")
    np.testing.assert_allclose(samples, 2 * tone(4000), atol=1e-3)


def wav_bytes(path: Path, *, data_length: int | None = None, keep: int | None = None) -> bytes:
    """A WAV that says it has `data_length` bytes of samples, and has those up to `keep`."""
    data = bytearray(write(path, tone(2000), subtype="PCM_16").read_bytes())
    if data_length is not None:
        place = data.index(b"data") + 4
        data[place : place + 4] = struct.pack("<I", data_length)
    return bytes(data[:keep])


def broken(kind: str, path: Path) -> None:
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("this is no sound\n" * 20)
        case "cut":
            path.write_bytes(wav_bytes(path, keep=3000))
        case "cut in its head":
            path.write_bytes(wav_bytes(path, keep=30))
        case "no samples":
            write(path, np.zeros(0, np.float32))
        case "silent":
            write(path, np.zeros(2000, np.float32))
        case "constant":
            write(path, np.full(2000, 0.25, np.float32), subtype="FLOAT")
        case "cancelling":
            write(path, tone(2000)[:, None] * (1, -1), subtype="FLOAT")
        case "not a number":
            samples = tone(2000)
            samples[1234] = np.nan
            write(path, samples, subtype="FLOAT")
        case "infinite":
            samples = tone(2000)
            samples[1234] = -np.inf
            write(path, samples, subtype="FLOAT")
        case "one sample":
            write(path, np.array([0.5], np.float32), rate=48_000, subtype="FLOAT")
        case "impossible rate":
            write(path, tone(2000), rate=3)


BROKEN = {
    "empty": ("no_samples", "empty"),
    "text": ("unreadable", "not a sound file.*not recognised"),
    "cut": ("cut_short", "2956 of 4000 bytes"),
    "cut in its head": ("unreadable", "not a sound file"),
    "no samples": ("no_samples", "not one sample"),
    "silent": ("silent", "no sample differs"),
    "constant": ("silent", "no sample differs"),
    "cancelling": ("silent", "cancel"),
    "not a number": ("not_numbers", r"at 0\.15 s"),
    "infinite": ("not_numbers", r"at 0\.15 s"),
    "one sample": ("silent|no_samples", ""),
    "impossible rate": ("unreadable", "3 Hz"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_cannot_be_used_is_left_out_with_its_reason(kind: str, tmp_path: Path) -> None:
    write(tmp_path / "set" / "good.wav", tone(2000))
    broken(kind, tmp_path / "set" / "bad.wav")
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    assert [recording.name for recording in pack.header.recordings] == ["good.wav"]
    (left,) = pack.header.left_out
    code, reason = BROKEN[kind]
    assert left.name == "bad.wav"
    assert re.fullmatch(code, left.code)
    assert re.search(reason, left.reason)
    assert "\n" not in left.reason


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "not a number"])
def test_one_that_is_asked_for_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    broken(kind, tmp_path / "bad.wav")
    with pytest.raises(InputError, match=r"bad\.wav: ") as refused:
        read_recording(tmp_path / "bad.wav")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("ending", "share"), [("flac", 0.5), ("ogg", 0.5), ("ogg", 0.99)])
def test_other_files_that_were_cut_are_left_out_too(
    ending: str, share: float, tmp_path: Path
) -> None:
    path = write(tmp_path / "set" / f"bad.{ending}", noise(100_000))
    write(tmp_path / "set" / "good.wav", tone(2000))
    assert len(pack_of(tmp_path / "set", tmp_path / "pack")) == 2
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    pack = pack_of(tmp_path / "set", tmp_path / "pack")
    assert [left.name for left in pack.header.left_out] == [path.name]
    assert pack.header.left_out[0].code in ("cut_short", "unreadable")


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_FFDB])
def test_a_wav_from_a_pipe_does_not_know_its_length(length: int, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(tmp_path / "a.wav", data_length=length))
    samples, _ = read_recording(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, tone(2000), atol=1e-4)


def test_where_a_file_is_damaged_is_said(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.flac", noise(200_000)).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.flac").write_bytes(data)
    with pytest.raises(InputError, match=r"damaged between 8\.2 and 16\.4 s"):
        read_recording(tmp_path / "a.flac")


def test_other_chunks_around_the_samples_do_no_harm(tmp_path: Path) -> None:
    data = wav_bytes(tmp_path / "a.wav")
    place = data.index(b"data")
    odd = b"note" + struct.pack("<I", 3) + b"abc\0"
    data = data[:place] + odd + data[place:] + odd
    (tmp_path / "a.wav").write_bytes(data)
    assert len(read_recording(tmp_path / "a.wav")[0]) == 2000


def test_a_large_wav_of_the_64_bit_kind_is_checked_by_its_own_length(tmp_path: Path) -> None:
    path = tmp_path / "set" / "a.rf64.wav"
    path.parent.mkdir()
    soundfile.write(path, tone(2000), 8000, format="RF64", subtype="PCM_16")
    assert len(read_recording(path)[0]) == 2000
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cut short"):
        read_recording(path)


@pytest.mark.parametrize("name", ["später ♪.wav", b"\xff\xfe.wav"])
def test_names_may_be_of_any_kind(name: str | bytes, tmp_path: Path) -> None:
    text = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
    path = tmp_path / "set" / text
    write(tmp_path / "plain.wav", tone(2000))
    path.parent.mkdir()
    (tmp_path / "plain.wav").rename(path)
    pack = pack_of(tmp_path / "set", tmp_path / "pack", condition="(?P<last>.)[.]wav")
    assert len(pack) == 1
    pack.header.recordings[0].name.encode()


@pytest.mark.parametrize("rate", [0, 999, 10**9])
def test_a_rate_that_cannot_be_is_refused(rate: int, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(2000))
    with pytest.raises(InputError, match="--rate"):
        read_recording(tmp_path / "a.wav", rate=rate)


def test_what_the_documentation_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(DOCS), "exec"), names)
