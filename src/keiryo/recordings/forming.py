"""Converting recordings to one form: one channel, one rate, mu-law codes.

A recording is converted in blocks, and a long one is kept on disk between the steps, so an hour
takes no more memory than a minute.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import xxhash

from keiryo.errors import InputError
from keiryo.recordings.levels import Clipping, Levels
from keiryo.recordings.mu_law import encode
from keiryo.recordings.sources.sound_files import (
    SoundFormat,
    UnusableRecordingError,
    read_sound_blocks,
    read_sound_format,
)
from keiryo.records.base import Record

DEFAULT_TRIM_DB = 60.0
LOWEST_TARGET_RATE, HIGHEST_TARGET_RATE = 1000, 192_000
# A recording is silent if the range of its samples is at most this: three steps of 16 bits, 80 dB
# below full scale, less than the range of the code of silence.
SILENT_RANGE = 1e-4
MOST_HELD_BYTES = 16 << 20
STEP_SAMPLES = 1 << 16
SAMPLE_BYTES = 4


class RecordingForm(Record):
    """The form that recordings are converted to.

    `rate` is in samples a second; None stands for the rate of most of them. Both ends are cut off
    where they are `trim_db` decibels quieter than the loudest sample; None cuts off nothing.
    `normalize` scales the loudest sample to full scale.
    """

    rate: int | None = None
    trim_db: float | None = DEFAULT_TRIM_DB
    normalize: bool = False

    def check(self) -> None:
        """Raise InputError if no recording could be converted to this form."""
        if self.rate is not None and not LOWEST_TARGET_RATE <= self.rate <= HIGHEST_TARGET_RATE:
            raise InputError(
                f"--rate {self.rate}: give {LOWEST_TARGET_RATE} to {HIGHEST_TARGET_RATE} Hz"
            )
        if self.trim_db is not None and not 0 < self.trim_db < float("inf"):
            raise InputError(f"--trim-db {self.trim_db}: give a number of decibels above 0")


@dataclass(frozen=True)
class FormedRecording:
    """A recording as codes, uint8, which `blocks` yields once, block by block.

    `samples` is the number of codes, and `trimmed` the number of samples cut off, both at the new
    rate. `checksum` is that of the codes. If it `was_beyond_full_scale`, it was made quieter.
    `notes` say what was wrong with its samples, by the code of their finding.
    """

    blocks: Iterator[bytes]
    samples: int
    trimmed: int
    checksum: str
    was_beyond_full_scale: bool
    notes: dict[str, str]


def read_recording(path: Path, *, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Return the samples (T,), float32 in [-1, 1], of a file, and their number a second.

    Channels are mixed, and samples are resampled to `rate` if it is given; nothing is cut off.
    Raises InputError if the file cannot be used.
    """
    RecordingForm(rate=rate).check()
    try:
        found = read_sound_format(path)
        blocks = [*resample(mix_down(read_sound_blocks(path)), found.rate, rate or found.rate)]
    except UnusableRecordingError as error:
        raise InputError(f"{path}: {error}; record or save it again") from None
    samples = np.concatenate(blocks)
    if not samples.size:
        raise InputError(f"{path}: too short to have a sample at {rate} Hz; give a longer one")
    return samples / max(1.0, float(np.abs(samples).max())), rate or found.rate


def form_recording(
    blocks: Iterable[np.ndarray],
    found: SoundFormat,
    *,
    rate: int,
    form: RecordingForm,
    keep: Callable[[], IO[bytes]],
) -> FormedRecording:
    """Convert a recording, `blocks` (frames, channels), float32, to `form` at `rate`.

    `keep` makes temporary files. Raises UnusableRecordingError as `blocks` does, and with the code
    `silent`.
    """
    with ExitStack() as files:
        kept = files.enter_context(keep())
        clipping, levels = Clipping(), Levels(rate)

        def watch_clipping() -> Iterator[np.ndarray]:
            for block in blocks:
                clipping.add(block)
                yield block

        for samples in _with_equal_lengths(resample(mix_down(watch_clipping()), found.rate, rate)):
            kept.write(samples.tobytes())
            levels.add(samples)
        if not levels.samples:
            raise UnusableRecordingError("no_samples", f"too short to have a sample at {rate} Hz")
        if not np.isfinite(levels.peak):
            raise UnusableRecordingError("not_numbers", "its samples are too large for numbers")
        if levels.range <= SILENT_RANGE:
            mixed = found.channels > 1 and clipping.loudest > SILENT_RANGE
            reason = "its channels cancel each other out" if mixed else "no sample differs"
            raise UnusableRecordingError("silent", f"silent: {reason}")
        total = levels.samples
        offset = levels.offset()
        loudest = levels.loudest_without_clicks()
        start, stop = 0, total
        if form.trim_db is not None:
            peaks = levels.peaks(offset)
            start, stop = _audible_range(kept, peaks, loudest * 10 ** (-form.trim_db / 20), offset)
        # Resampling alone may raise a peak slightly above full scale; that is clipped.
        is_beyond = clipping.loudest > 1 and loudest > 1
        scale = 1 / loudest if form.normalize or is_beyond else 1.0
        codes = keep()
        digest = xxhash.xxh3_128()
        kept.seek(start * SAMPLE_BYTES)
        for place in range(start, stop, STEP_SAMPLES):
            samples = _next_samples(kept, min(STEP_SAMPLES, stop - place))
            if offset:
                samples = samples - np.float32(offset)
            coded = encode(samples * np.float32(scale)).tobytes()
            digest.update(coded)
            codes.write(coded)
    return FormedRecording(
        blocks=_read_back(codes),
        samples=stop - start,
        trimmed=total - (stop - start),
        checksum=digest.hexdigest(),
        was_beyond_full_scale=is_beyond,
        notes=levels.notes() | clipping.notes(),
    )


def temporary_files(folder: Path) -> Callable[[], IO[bytes]]:
    """Return a maker of temporary files: in memory while small, in `folder` when large."""
    return lambda: tempfile.SpooledTemporaryFile(MOST_HELD_BYTES, dir=str(folder))


def mix_down(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the mean over the channels of each block: (frames, channels) to (frames,)."""
    for block in blocks:
        yield block.mean(axis=1, dtype=np.float32)


def resample(blocks: Iterable[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Yield the samples of `blocks` (frames,), float32, at `new_rate`; blocks may be empty."""
    if rate == new_rate:
        yield from blocks
        return
    from soxr import ResampleStream

    stream = ResampleStream(rate, new_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _with_equal_lengths(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the same samples in blocks of STEP_SAMPLES; only the last may be shorter."""
    waiting = np.empty(0, np.float32)
    for block in blocks:
        waiting = np.concatenate((waiting, block))
        while len(waiting) >= STEP_SAMPLES:
            yield waiting[:STEP_SAMPLES]
            waiting = waiting[STEP_SAMPLES:]
    if len(waiting):
        yield waiting


def _audible_range(
    kept: IO[bytes], peaks: list[float], threshold: float, offset: float
) -> tuple[int, int]:
    """Return the range from the first to the last sample that is `threshold` from `offset`.

    `peaks` are the largest distances from `offset` in each block.
    """
    audible = [block for block, peak in enumerate(peaks) if peak >= threshold]

    def places(block: int) -> np.ndarray:
        kept.seek(block * STEP_SAMPLES * SAMPLE_BYTES)
        samples = _next_samples(kept, STEP_SAMPLES)
        distances = np.abs(samples - np.float32(offset))
        return block * STEP_SAMPLES + np.flatnonzero(distances >= threshold)

    return int(places(audible[0])[0]), int(places(audible[-1])[-1]) + 1


def _next_samples(kept: IO[bytes], count: int) -> np.ndarray:
    return np.frombuffer(kept.read(count * SAMPLE_BYTES), np.float32)


def _read_back(codes: IO[bytes]) -> Iterator[bytes]:
    with codes:
        codes.seek(0)
        while block := codes.read(STEP_SAMPLES):
            yield block
