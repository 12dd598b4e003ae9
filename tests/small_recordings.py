"""Small real recordings, and packs of them."""

from pathlib import Path

import numpy as np
import soundfile

from keiryo.recordings.forming import RecordingForm
from keiryo.recordings.locate import locate_recordings
from keiryo.recordings.pack import PackedRecording, RecordingPack, RecordingPackHeader
from keiryo.recordings.packing import prepare_recording_pack

RATE = 8000


def tone(samples: int, *, frequency: float = 220.0, rate: int = RATE) -> np.ndarray:
    """A sine at half of full scale, (samples,), float32."""
    return (0.5 * np.sin(2 * np.pi * frequency / rate * np.arange(samples))).astype(np.float32)


def noise(samples: int, *, seed: int = 0) -> np.ndarray:
    """What no other seed gives, (samples,), float32, loud to both ends."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def pcm(samples: np.ndarray) -> np.ndarray:
    """The same as int16, which every kind of file keeps bit by bit."""
    return np.round(samples * 32_767).astype(np.int16)


def write(path: Path, samples: np.ndarray, *, rate: int = RATE, subtype: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def pack_of(
    folder: Path,
    out: Path,
    *,
    condition: str | None = None,
    rate: int | None = None,
    trim_db: float | None = None,
    normalize: bool = False,
    workers: int = 1,
) -> RecordingPack:
    """The pack of a folder's recordings, by default with nothing cut off."""
    form = RecordingForm(rate=rate, trim_db=trim_db, normalize=normalize)
    source = locate_recordings(str(folder), condition=condition)
    return prepare_recording_pack(source, folder=out, form=form, workers=workers)


def pack_of_lengths(folder: Path, lengths: list[int], **options: str) -> RecordingPack:
    """A pack of recordings of these lengths, named by their number."""
    for number, length in enumerate(lengths):
        write(folder / "set" / f"{number:03d}.wav", noise(length, seed=number))
    return pack_of(folder / "set", folder / "pack", **options)


def pack_in_memory(lengths: list[int]) -> RecordingPack:
    """What an opened pack of recordings of these lengths is, without any file."""
    codes = np.random.default_rng(0).integers(0, 256, sum(lengths), dtype=np.uint8)
    recordings = [
        PackedRecording(
            name=str(number),
            labels=[],
            samples=length,
            checksum=str(number),
            rate=RATE,
            channels=1,
            trimmed=0,
            was_beyond_full_scale=False,
        )
        for number, length in enumerate(lengths)
    ]
    header = RecordingPackHeader(
        name="in memory",
        fingerprint="",
        form=RecordingForm(),
        rate=RATE,
        categories=[],
        recordings=recordings,
        left_out=[],
        findings=[],
    )
    return RecordingPack(codes, header)
