"""The length that the header of a sound file gives, compared with what the file holds.

libsndfile notices a file that was cut off in FLAC only; in others it takes the rest for all.
"""

import io
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from keiryo.recordings.sources.flac_length import mended_length

# Programs that write to a pipe do not know the length. They give the largest signed or unsigned
# number, or nearly.
UNKNOWN_LENGTHS = (range(0x7FFF_F000, 0x8000_0000), range(0xFFFF_F000, 0x1_0000_0000))
# Some programs count a last frame that is not there, or the header along with the samples.
TOLERATED_BYTES = 64
CHUNK_HEAD = struct.Struct("<4sI")
OGG_LARGEST_PAGE = 65_307
OGG_HEADER = struct.Struct("<4sBB8xI8xB")
OGG_LAST_PAGE = 4


class CutShortError(Exception):
    """A file that ends before its header says; the text says how."""


@dataclass(frozen=True)
class HeaderCheck:
    """Facts about a file: `notes`, by the code of their finding.

    `mended`, if any, is the place of wrong bytes and the right ones.
    """

    notes: dict[str, str] = field(default_factory=dict)
    mended: tuple[int, bytes] | None = None


class MendedFile(io.FileIO):
    """A file, read as if there were other bytes at a place."""

    def __init__(self, path: Path, place: int, right: bytes) -> None:
        super().__init__(path)
        self._place, self._right = place, right

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; return the number of bytes."""
        start = self.tell()
        count = super().readinto(buffer) or 0
        first, last = max(start, self._place), min(start + count, self._place + len(self._right))
        if first < last:
            right = self._right[first - self._place : last - self._place]
            memoryview(buffer).cast("B")[first - start : last - start] = right
        return count


def check_header(path: Path) -> HeaderCheck:
    """Compare the length in the header of a WAV, FLAC or OGG file with what is there.

    Raises CutShortError if more than a few bytes are missing. Files of other kinds pass.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        match file.read(4):
            case b"RIFF" | b"RF64" | b"BW64":
                return _check_wav(file, size, "<")
            case b"RIFX":
                return _check_wav(file, size, ">")
            case b"OggS":
                return _check_ogg(file, size)
            case b"fLaC" if (mended := mended_length(file)) is not None:
                words = "its header gives no length; all samples there were read"
                return HeaderCheck({"length_missing": words}, mended)
    return HeaderCheck()


def _check_wav(file: BinaryIO, size: int, order: str) -> HeaderCheck:
    file.seek(12)
    long_length: int | None = None
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack(f"{order}4sI", head)
        if name == b"ds64" and length >= 16:  # files of more than 4 GB, EBU Tech 3306
            known = file.read(16)
            if len(known) < 16:
                break
            _, long_length = struct.unpack("<QQ", known)
            file.seek(-16, os.SEEK_CUR)
        if name == b"data":
            return _check_samples(file, size, long_length or length, order)
        file.seek(length + length % 2, os.SEEK_CUR)  # chunks begin at even offsets
    return HeaderCheck()


def _check_samples(file: BinaryIO, size: int, length: int, order: str) -> HeaderCheck:
    """Check the samples of a WAV file, which begin at the place of `file`."""
    start = file.tell()
    there = size - start
    missing = length - there
    if missing > 0:
        if any(length in lengths for lengths in UNKNOWN_LENGTHS):
            return HeaderCheck()
        if missing > TOLERATED_BYTES:
            raise CutShortError(f"{there} of {length} bytes of samples are there")
        return HeaderCheck({"length_wrong": f"its header says {missing} bytes more than there are"})
    if (second := _second_part(file, start + length, size, order)) is not None:
        # libsndfile refuses two such chunks; under another name it passes over the second.
        words = f"a second part of samples, {size - second} bytes before the end, was not read"
        return HeaderCheck({"length_wrong": words}, (second, b"junk"))
    if there - length <= TOLERATED_BYTES or _are_chunks(file, start + length, size, order):
        return HeaderCheck()
    if length == 0 and there <= 0xFFFF_FFFF:
        return HeaderCheck(
            {"length_missing": "its header says 0 samples; all that follows was read"},
            (start - 4, struct.pack(f"{order}I", there)),
        )
    words = f"{there - length} bytes after the end that its header gives were not read"
    return HeaderCheck({"length_wrong": words})


def _second_part(file: BinaryIO, place: int, size: int, order: str) -> int | None:
    """Return the place of another chunk of samples from `place` on; None if there is none."""
    place += place % 2
    while place + CHUNK_HEAD.size <= size:
        file.seek(place)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"data":
            return place
        place += 8 + length + length % 2
    return None


def _are_chunks(file: BinaryIO, place: int, size: int, order: str) -> bool:
    """Return whether chunks or a tag, and no samples, follow from `place` to the end."""
    place += place % 2
    file.seek(place)
    if file.read(3) in (b"ID3", b"TAG", b"APE"):
        return True
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if not (name.isascii() and name.decode().isprintable()) or place + 8 + length > size:
            return False
        place += 8 + length + length % 2
    return True


def _check_ogg(file: BinaryIO, size: int) -> HeaderCheck:
    file.seek(0)
    first = file.read(OGG_HEADER.size)
    file.seek(max(0, size - OGG_LARGEST_PAGE))
    tail = file.read()
    place = tail.rfind(b"OggS")
    page = tail[place:] if place >= 0 else b""
    if len(page) < OGG_HEADER.size or len(first) < OGG_HEADER.size:
        raise CutShortError("its last page is not whole")
    _, _, kind, serial, segments = OGG_HEADER.unpack_from(page)
    lengths = page[OGG_HEADER.size : OGG_HEADER.size + segments]
    if len(lengths) < segments or len(page) < OGG_HEADER.size + segments + sum(lengths):
        raise CutShortError("its last page is not whole")
    if not kind & OGG_LAST_PAGE:
        raise CutShortError("the page that ends it is missing")
    if OGG_HEADER.unpack(first)[3] != serial:
        return HeaderCheck({"chained": "several streams one after the other; the first was read"})
    return HeaderCheck()
