"""Sound as a WAV file, or as its bytes while it is generated."""

import struct
from pathlib import Path

import numpy as np

from keiryo.files import replace_file, unfinished_name

SAMPLE_BYTES = 2
FULL_SCALE = 32_767
LARGEST = 0xFFFF_FFFF


class SoundWriter:
    """A file of one channel that is written while the sound is made, then moved into place.

    It is a WAV file of 16 bits for `samples` samples, or without a header if it is `raw`.
    """

    def __init__(self, path: Path, samples: int, rate: int, *, raw: bool = False) -> None:
        self._path, self._rate, self._raw = path, rate, raw
        path.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished = unfinished_name(path)
        self._header = b"" if raw else wav_header(samples, rate)
        self._promised, self._written = samples, 0
        self._unfinished.write_bytes(self._header)

    def write(self, samples: np.ndarray) -> None:
        """Append samples (T,), from -1 to 1."""
        # Opened each time, since there may be more sounds at once than files may be open.
        with self._unfinished.open("ab") as file:
            file.write(encode_pcm(samples))
        self._written += len(samples)

    def finish(self) -> None:
        """Move the file into place; its header gives the samples that were written."""
        if not self._raw and self._written < self._promised:
            with self._unfinished.open("r+b") as file:
                file.write(self._true_header())
        self._unfinished.replace(self._path)

    def discard(self) -> None:
        """Remove what was written, unless it was moved into place."""
        self._unfinished.unlink(missing_ok=True)

    def _true_header(self) -> bytes:
        header = wav_header(self._written, self._rate)
        if len(header) == len(self._header):
            return header
        # The longer header keeps its form, with the sizes of a shorter sound.
        size = self._written * SAMPLE_BYTES
        sizes = struct.pack("<QQQ", 72 + size, size, self._written)
        return self._header[:20] + sizes + self._header[20 + len(sizes) :]


def encode_pcm(samples: np.ndarray) -> bytes:
    """Return samples from -1 to 1 as bytes, 16 bits each, little-endian."""
    whole = np.rint(np.clip(samples, -1, 1) * FULL_SCALE)
    return whole.astype("<i2").tobytes()


def wav_header(samples: int, rate: int) -> bytes:
    """Return the header of a WAV file of `samples` samples, one channel, 16 bits each.

    More than 4 GiB become an RF64 file (EBU Tech 3306), which needs no other reader in libsndfile,
    ffmpeg or SoX.
    """
    size = samples * SAMPLE_BYTES
    if 36 + size > LARGEST:
        return struct.pack(
            "<4sI4s4sIQQQI4sIHHIIHH4sI",
            b"RF64", LARGEST, b"WAVE", b"ds64", 28, 72 + size, size, samples, 0, b"fmt ", 16, 1, 1,
            rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", LARGEST,
        )  # fmt: skip
    return _short_header(size, 36 + size, rate)


def stream_header(samples: int, rate: int) -> bytes:
    """Return the header of a WAV stream; of more than 4 GiB, it says that the length is unknown."""
    size = samples * SAMPLE_BYTES
    if 36 + size > LARGEST:
        return _short_header(LARGEST, LARGEST, rate)
    return wav_header(samples, rate)


def _short_header(size: int, riff_size: int, rate: int) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES,
        SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", size,
    )  # fmt: skip


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """Write samples (T,), from -1 to 1, as a WAV file, whole or not at all."""
    with replace_file(path) as temporary:
        temporary.write_bytes(wav_header(len(samples), rate) + encode_pcm(samples))


def level_db(samples: np.ndarray) -> float | None:
    """Return the root mean square in decibels below full scale; None if all samples are 0."""
    mean_square = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10 * float(np.log10(mean_square)) if mean_square > 0 else None
