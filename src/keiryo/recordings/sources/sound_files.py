"""Reading a sound file block by block: WAV of all kinds, FLAC, OGG."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import numpy as np

if TYPE_CHECKING:  # it takes time to load
    from soundfile import SoundFile

SOUND_SUFFIXES = {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus"}
BLOCK_FRAMES = 1 << 16
MOST_FRAMES = 1 << 48
LOWEST_RATE, HIGHEST_RATE = 1000, 768_000
# Programs that write to a pipe do not know the length. They give the largest signed or unsigned
# number, or nearly.
UNKNOWN_LENGTHS = (range(0x7FFF_F000, 0x8000_0000), range(0xFFFF_F000, 0x1_0000_0000))
OGG_LARGEST_PAGE = 65_307
OGG_HEADER = struct.Struct("<4sBB20xB")
OGG_LAST_PAGE = 4


class UnusableRecordingError(Exception):
    """A recording that cannot be used; `code` is that of its finding, the text the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """The header of a file: rate in Hz, number of channels, samples a channel."""

    rate: int
    channels: int
    frames: int


def read_sound_format(path: Path) -> SoundFormat:
    """Return the header of the file; raise as `read_sound_blocks` does.

    It does not check that the file is complete.
    """
    with _open(path) as sound:
        return SoundFormat(sound.samplerate, sound.channels, sound.frames)


def read_sound_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield the samples of the file, (frames, channels), float32; full scale is [-1, 1].

    Raises UnusableRecordingError, before the first block or after any, with the code `unreadable`
    (not a sound file, or a damaged one), `cut_short`, `no_samples` or `not_numbers` (NaN or
    infinite).
    """
    from soundfile import SoundFileError

    with _open(path) as sound:
        _check_is_whole(path)
        if sound.frames == 0:
            raise UnusableRecordingError("no_samples", "there is not one sample in it")
        if sound.frames > MOST_FRAMES:  # libsndfile gives this for FLAC written to a pipe
            reason = "it does not say how long it is; save it again, not through a pipe"
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
        if done < sound.frames:
            _refuse_cut_short(f"{done} of {sound.frames} samples are there")


def _open(path: Path) -> "SoundFile":
    from soundfile import SoundFile, SoundFileError

    try:
        if path.stat().st_size == 0:
            raise UnusableRecordingError("no_samples", "the file is empty")
        # As bytes, since a name need not be text; soundfile accepts them without declaring it.
        name: Any = os.fsencode(path) if os.name == "posix" else str(path)
        sound = SoundFile(name)
    except OSError as error:
        raise UnusableRecordingError("unreadable", error.strerror or str(error)) from None
    except SoundFileError as error:
        reason = f"not a sound file that can be read: {_message_of(error)}"
        raise UnusableRecordingError("unreadable", reason) from None
    if not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE:
        sound.close()
        reason = f"its rate is {sound.samplerate} Hz; {LOWEST_RATE} to {HIGHEST_RATE} are possible"
        raise UnusableRecordingError("unreadable", reason)
    return sound


def _message_of(error: Exception) -> str:
    """Return the message of libsndfile without the path, which is named anyway."""
    words = getattr(error, "error_string", str(error))
    return words.removeprefix("Error :").strip().rstrip(".")


def _check_is_whole(path: Path) -> None:
    """Raise UnusableRecordingError if the file is a WAV or OGG file that was cut off.

    libsndfile notices this in FLAC only; in others it takes the rest for all.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        match file.read(4):
            case b"RIFF" | b"RF64" | b"BW64":
                _check_wav(file, size, "<")
            case b"RIFX":
                _check_wav(file, size, ">")
            case b"OggS":
                _check_ogg(file, size)


def _check_wav(file: BinaryIO, size: int, order: str) -> None:
    file.seek(12)
    long_length: int | None = None
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack(f"{order}4sI", head)
        if name == b"ds64" and length >= 16:  # files of more than 4 GB, EBU Tech 3306
            _, long_length = struct.unpack("<QQ", file.read(16))
            file.seek(-16, os.SEEK_CUR)
        if name == b"data":
            length = long_length or length
            there = size - file.tell()
            is_known = not any(length in lengths for lengths in UNKNOWN_LENGTHS)
            if length > there and is_known:
                _refuse_cut_short(f"{there} of {length} bytes of samples are there")
            return
        file.seek(length + length % 2, os.SEEK_CUR)  # chunks begin at even offsets


def _check_ogg(file: BinaryIO, size: int) -> None:
    start = max(0, size - OGG_LARGEST_PAGE)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"OggS")
    page = tail[place:] if place >= 0 else b""
    if len(page) < OGG_HEADER.size:
        _refuse_cut_short("its last page is not whole")
    _, _, kind, segments = OGG_HEADER.unpack_from(page)
    lengths = page[OGG_HEADER.size : OGG_HEADER.size + segments]
    if len(lengths) < segments or len(page) < OGG_HEADER.size + segments + sum(lengths):
        _refuse_cut_short("its last page is not whole")
    if not kind & OGG_LAST_PAGE:
        _refuse_cut_short("the page that ends it is missing")


def _refuse_cut_short(reason: str) -> NoReturn:
    raise UnusableRecordingError("cut_short", f"cut short: {reason}")
