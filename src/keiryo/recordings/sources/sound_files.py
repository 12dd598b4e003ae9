"""Reading a sound file block by block: all that libsndfile reads, WAV, FLAC, OGG, MP3, AIFF."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keiryo.recordings.sources.sound_headers import CutShortError, MendedFile, check_header

if TYPE_CHECKING:  # it takes time to load
    from soundfile import SoundFile

# The suffixes of what libsndfile reads, without those that other files have more often.
SOUND_SUFFIXES = {
    *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".nist", ".sph", ".voc", ".avr"),
    *(".8svx", ".iff", ".paf", ".pvf", ".sds", ".sf", ".ircam", ".htk", ".wve"),
}
BLOCK_FRAMES = 1 << 16
MOST_FRAMES = 1 << 48
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000


class UnusableRecordingError(Exception):
    """A recording that cannot be used; `code` is that of its finding, the text the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """The header of a file: rate in Hz, number of channels, samples a channel.

    `notes` say what is wrong with a file that is used, by the code of their finding.
    """

    rate: int
    channels: int
    frames: int
    notes: dict[str, str] = field(default_factory=dict)


def read_sound_format(path: Path) -> SoundFormat:
    """Return the header of the file; raise as `read_sound_blocks` does.

    A file that was cut short is an error here already.
    """
    with _open(path) as (sound, notes):
        return SoundFormat(sound.samplerate, sound.channels, sound.frames, notes)


def read_sound_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield the samples of the file, (frames, channels), float32; full scale is [-1, 1].

    Raises UnusableRecordingError, before the first block or after any, with the code `unreadable`
    (not a sound file, or a damaged one), `cut_short`, `no_samples` or `not_numbers` (NaN or
    infinite).
    """
    from soundfile import SoundFileError

    with _open(path) as (sound, _):
        if sound.frames == 0:
            raise UnusableRecordingError("no_samples", "there is not one sample in it")
        if sound.frames > MOST_FRAMES:  # FLAC written to a pipe, and then cut short
            reason = "it does not say how long it is, and its last frame is not whole"
            raise UnusableRecordingError("unreadable", reason)
        done = 0
        while True:
            try:
                block = sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except SoundFileError as error:
                end = min(done + BLOCK_FRAMES, sound.frames) / sound.samplerate
                where = f"between {done / sound.samplerate:.1f} and {end:.1f} s"
                reason = f"damaged {where}: {_message_of(error)}"
                raise UnusableRecordingError("unreadable", reason) from None
            if not len(block):
                break
            if not np.isfinite(block).all():
                first = done + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
                reason = f"not a number, or infinite, at {first / sound.samplerate:.2f} s"
                raise UnusableRecordingError("not_numbers", reason)
            done += len(block)
            yield block
        # The length of MPEG audio is only estimated from its first frames.
        if done < sound.frames and not sound.subtype.startswith("MPEG"):
            raise _cut_short(f"{done} of {sound.frames} samples are there")


@contextmanager
def _open(path: Path) -> Iterator[tuple["SoundFile", dict[str, str]]]:
    """Yield the opened file, and notes about its header."""
    from soundfile import SoundFile, SoundFileError

    opened: MendedFile | None = None
    try:
        if path.stat().st_size == 0:
            raise UnusableRecordingError("no_samples", "the file is empty")
        # As bytes, since a name need not be text; soundfile accepts them without declaring it.
        name: Any = os.fsencode(path) if os.name == "posix" else str(path)
        checked = check_header(path)
        if checked.mended is not None:
            name = opened = MendedFile(path, *checked.mended)
        sound = SoundFile(name)
    except CutShortError as error:
        raise _cut_short(str(error)) from None
    except OSError as error:
        raise UnusableRecordingError("unreadable", error.strerror or str(error)) from None
    except SoundFileError as error:
        reason = f"not a sound file that can be read: {_message_of(error)}"
        raise UnusableRecordingError("unreadable", reason) from None
    if not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE:
        sound.close()
        if opened is not None:
            opened.close()
        reason = f"its rate is {sound.samplerate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} are possible"
        raise UnusableRecordingError("unreadable", reason)
    with sound:
        try:
            yield sound, checked.notes
        finally:
            if opened is not None:
                opened.close()


def _cut_short(reason: str) -> UnusableRecordingError:
    return UnusableRecordingError("cut_short", f"cut short: {reason}")


def _message_of(error: Exception) -> str:
    """Return the message of libsndfile without the path, which is named anyway."""
    words = getattr(error, "error_string", str(error))
    return words.removeprefix("Error :").strip().rstrip(".")
