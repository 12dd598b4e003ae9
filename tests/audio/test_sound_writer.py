"""A file that is written while its sound is made, of any length."""

import io
import struct
from pathlib import Path

import numba
import numpy as np
import pytest
import soundfile

from keiryo.audio.generation.wav import SoundWriter, encode_pcm, stream_header, wav_header
from keiryo.kernels.compiling import watch_compiling
from small_recordings import tone

LONG = 3_000_000_000  # samples: 6 GB


def test_pieces_become_the_whole_sound(tmp_path: Path) -> None:
    path, sound = tmp_path / "new" / "a.wav", tone(1000)
    writer = SoundWriter(path, 1000, 8000)
    for start in range(0, 1000, 300):
        assert not path.exists()
        writer.write(sound[start : start + 300])
    writer.finish()
    samples, rate = soundfile.read(path)
    assert rate == 8000
    np.testing.assert_allclose(samples, sound, atol=1e-4)
    assert [one.name for one in path.parent.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("promised", [1000, LONG])
def test_a_sound_that_ends_early_has_a_header_of_what_is_there(
    promised: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    writer = SoundWriter(path, promised, 8000)
    writer.write(tone(400))
    writer.finish()
    found = soundfile.info(path)
    assert found.frames == 400
    assert found.format == ("RF64" if promised == LONG else "WAV")
    np.testing.assert_allclose(soundfile.read(path)[0], tone(400), atol=1e-4)


def test_a_raw_file_has_no_header(tmp_path: Path) -> None:
    writer = SoundWriter(tmp_path / "a.raw", 100, 8000, raw=True)
    writer.write(tone(50))
    writer.finish()
    assert (tmp_path / "a.raw").read_bytes() == encode_pcm(tone(50))


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    writer = SoundWriter(tmp_path / "a.wav", 100, 8000)
    writer.write(tone(50))
    writer.discard()
    assert not list(tmp_path.iterdir())


def test_more_than_4_gib_have_64_bit_lengths_in_files_and_none_in_streams() -> None:
    header = wav_header(LONG, 48_000)
    assert header[:4] == b"RF64"
    assert struct.unpack("<QQ", header[20:36]) == (72 + 2 * LONG, 2 * LONG)
    assert len(header) == 80
    stream = stream_header(LONG, 48_000)
    assert stream[:4] == b"RIFF"
    assert struct.unpack("<I", stream[-4:]) == (0xFFFF_FFFF,)
    assert stream_header(100, 8000) == wav_header(100, 8000)
    assert soundfile.info(io.BytesIO(stream + bytes(200))).frames == 100


def test_only_the_first_compilation_is_told() -> None:
    told: list[str] = []
    with watch_compiling(lambda: told.append("compiling")):

        @numba.njit
        def add(a: int) -> int:
            return a + 1

        assert told == []
        add(1)
        add(1.5)
        assert told == ["compiling"]
    add(1j)
    assert told == ["compiling"]
