"""Sound as a WAV file, or as its bytes while it is generated."""

import struct
from pathlib import Path

import numpy as np

from keiryo.files import replace_file

SAMPLE_BYTES = 2
FULL_SCALE = 32_767


def encode_pcm(samples: np.ndarray) -> bytes:
    """Return samples from -1 to 1 as bytes, 16 bits each, little-endian."""
    whole = np.rint(np.clip(samples, -1, 1) * FULL_SCALE)
    return whole.astype("<i2").tobytes()


def wav_header(samples: int, rate: int) -> bytes:
    """Return the header of a WAV file of `samples` samples, one channel, 16 bits each."""
    size = samples * SAMPLE_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES,
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
