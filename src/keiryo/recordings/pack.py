"""A pack of recordings: their codes in a file that training maps into memory.

It is a folder with `codes.npy`, uint8, (samples,), one recording after the other, and
`recordings.json` with everything else, checksums included. `keiryo.recordings.packing` makes it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import xxhash

from keiryo.errors import InputError
from keiryo.recordings.conditions import Category
from keiryo.recordings.forming import RecordingForm
from keiryo.records.base import Finding, Record
from keiryo.sealed_pack import SealedHeader, npy_header, read_header

FORMAT_VERSION = 1
CODES_FILE = "codes.npy"
HEADER_FILE = "recordings.json"
VERIFIED_AT_ONCE_BYTES = 16_000_000


class PackedRecording(Record):
    """One recording of a pack.

    `samples` and `trimmed`, the number cut off its ends, are at the pack's rate. `rate` and
    `channels` are those of the file. `was_beyond_full_scale` is true if the file was louder than
    full scale. `labels` are the numbers of its values, by category. `notes` say what was wrong with
    it, by the code of their finding. `split` is its owner's; None: keiryo splits. `content` is the
    digest of the file; "" in packs of earlier versions and of recordings that are made.
    """

    name: str
    labels: list[int]
    samples: int
    checksum: str
    rate: int
    channels: int
    trimmed: int
    was_beyond_full_scale: bool
    notes: dict[str, str] = {}
    split: Literal["train", "val"] | None = None
    content: str = ""


class LeftOutRecording(Record):
    """A recording that could not be used; `code` is that of its finding."""

    name: str
    code: str
    reason: str
    content: str = ""


class RecordingPackHeader(SealedHeader):
    """The content of `recordings.json`.

    `form` is the requested form, `rate` the resulting rate in samples a second. `findings` are the
    source's own.
    """

    format_version: int = FORMAT_VERSION
    name: str
    fingerprint: str
    form: RecordingForm
    rate: int
    categories: list[Category]
    recordings: list[PackedRecording]
    left_out: list[LeftOutRecording]
    findings: list[Finding]


@dataclass(frozen=True)
class RecordingPack:
    """An opened pack: `codes` (samples,), uint8, and facts about each recording in the header."""

    codes: np.ndarray
    header: RecordingPackHeader

    def __len__(self) -> int:
        return len(self.header.recordings)

    @property
    def name(self) -> str:
        return self.header.name

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.header.rate

    @property
    def categories(self) -> list[Category]:
        return self.header.categories

    @property
    def seconds(self) -> float:
        """Seconds of all recordings together."""
        return len(self.codes) / self.rate

    @cached_property
    def labels(self) -> np.ndarray:
        """The numbers of the values of each recording, (recordings, categories), int64."""
        rows = [recording.labels for recording in self.header.recordings]
        return np.array(rows, np.int64).reshape(len(self), len(self.categories))

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of samples of each recording, (recordings,), int64."""
        return np.array([recording.samples for recording in self.header.recordings], np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        """Index in `codes` at which each recording begins, (recordings,), int64."""
        return np.cumsum(self.counts) - self.counts

    def recording(self, row: int) -> np.ndarray:
        """Return the codes of one recording, (samples,), uint8."""
        start = self.starts[row]
        return self.codes[start : start + self.counts[row]]


def open_recording_pack(folder: Path, *, verify: bool = True) -> RecordingPack:
    """Open the pack of recordings in `folder`.

    Raises InputError if it is damaged or of another version. Any number of processes may open the
    same pack; it is in memory once.
    """
    try:
        text = (folder / HEADER_FILE).read_bytes()
    except OSError:
        raise InputError(f"{folder}: not a pack of recordings, or a damaged one") from None
    path = str(folder / HEADER_FILE)
    header = read_header(RecordingPackHeader, text, path, version=FORMAT_VERSION)
    total = sum(recording.samples for recording in header.recordings)
    path, head = folder / CODES_FILE, npy_header((total,))
    try:
        with path.open("rb") as file:
            is_whole = file.read(len(head)) == head
        if not is_whole or path.stat().st_size != len(head) + total:
            raise InputError(f"{path}: cut short or not of this pack; pack it again")
        if verify:
            _verify(path, len(head), header.recordings)
        codes = np.memmap(path, dtype=np.uint8, mode="r", offset=len(head), shape=(total,))
    except OSError:
        raise InputError(f"{folder}: its {CODES_FILE} cannot be read; pack it again") from None
    return RecordingPack(codes, header)


def is_recording_pack(folder: Path) -> bool:
    """Return whether there is a pack of recordings in `folder`."""
    return (folder / HEADER_FILE).is_file()


def _verify(path: Path, offset: int, recordings: list[PackedRecording]) -> None:
    # Read, not mapped: mapped pages would count as memory of this process.
    with path.open("rb") as file:
        file.seek(offset)
        for recording in recordings:
            digest = xxhash.xxh3_128()
            left = recording.samples
            while left and (block := file.read(min(left, VERIFIED_AT_ONCE_BYTES))):
                digest.update(block)
                left -= len(block)
            if digest.hexdigest() != recording.checksum:
                raise InputError(
                    f"{path}: does not match its checksum at {recording.name}; pack it again"
                )
