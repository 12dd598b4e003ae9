"""Some images read by one process, which does this and loads nothing that it does not need."""

import ctypes
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keiryo.data.image.decoding import UnreadableImageError
from keiryo.data.items import Item, LeftOut, SurveyedImage
from keiryo.data.sources.source import Source
from keiryo.files import checksum_of

if TYPE_CHECKING:  # which would load pydantic in every process
    from keiryo.records.data import Fit

EXAMINED_SIZE = 128
# Written in blocks, images take half the time: the system gives a file larger pages then. Of
# more than this, the processor's caches would hold less of what is worked on.
BLOCK_BYTES = 1 << 20
# The numbers that glibc's malloc.h gives these settings, and their values.
GLIBC_TRIM_THRESHOLD, KEPT_BYTES = -1, 256 << 20
GLIBC_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES = -3, 32 << 20


@dataclass(frozen=True)
class PartEntries:
    """Some images in a row, read."""

    start: int
    entries: list[SurveyedImage | LeftOut]


@dataclass(frozen=True)
class WriteTarget:
    """Where fitted images go: image number n at byte `offset` + n times its size."""

    path: Path
    offset: int
    size: int
    fit: "Fit"


def read_part(
    source: Source, items: Sequence[Item], part: range, target: WriteTarget | None
) -> PartEntries:
    """Read the images `part` of `source`, which are `items`, and write them to `target`.

    The place of one that cannot be read is left black.
    """
    size, fit = (target.size, target.fit) if target else (EXAMINED_SIZE, "crop")
    row_bytes = size * size * 3
    entries: list[SurveyedImage | LeftOut] = []
    unwritten: list[bytes | memoryview] = []
    with target.path.open("r+b") if target else nullcontext() as file:
        for index, item in zip(part, items, strict=True):
            row, checksum = b"", ""
            try:
                reading = source.read(index, size, fit)
            except UnreadableImageError as failure:
                entries.append(LeftOut(item.name, failure.code, str(failure)))
                row = bytes(row_bytes)
            else:
                if target:
                    row = np.ascontiguousarray(reading.pixels).data
                    checksum = checksum_of(row)
                entries.append(
                    SurveyedImage(item.name, item.label, item.split, reading.facts, checksum)
                )
            if file and target:
                unwritten.append(row)
                if len(unwritten) * row_bytes >= BLOCK_BYTES or index == part[-1]:
                    file.seek(target.offset + (index + 1 - len(unwritten)) * row_bytes)
                    file.write(b"".join(unwritten))
                    unwritten.clear()
    return PartEntries(part.start, entries)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, since each image needs as much again as the one before.

    Given back to the system and cleared by it each time, it would take a third of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(GLIBC_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(GLIBC_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES)
