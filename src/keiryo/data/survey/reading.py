"""Reading some images in one process. This module imports only what that process needs."""

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

if TYPE_CHECKING:  # at run time, this would load pydantic in each process
    from keiryo.records.data import Fit

EXAMINED_SIZE = 128
# Writing in blocks takes half the time, since the system then gives a file larger pages. Larger
# blocks would push other data out of the processor's caches.
BLOCK_BYTES = 1 << 20
# Parameters of mallopt, numbered as in glibc's malloc.h, and their values.
GLIBC_TRIM_THRESHOLD, KEPT_BYTES = -1, 256 << 20
GLIBC_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES = -3, 32 << 20


@dataclass(frozen=True)
class PartEntries:
    """The entries of some successive images, from image number `start` on."""

    start: int
    entries: list[SurveyedImage | LeftOut]


@dataclass(frozen=True)
class WriteTarget:
    """The file to write fitted images to: image n goes to byte `offset` + n times its bytes."""

    path: Path
    offset: int
    size: int
    fit: "Fit"


def read_part(
    source: Source, items: Sequence[Item], part: range, target: WriteTarget | None
) -> PartEntries:
    """Read the images with the numbers `part` of `source` and write them to `target`.

    `items` are those of the part. An image that cannot be read is written as black.
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
                entries.append(
                    LeftOut(item.name, failure.code, str(failure), source.content(index) or "")
                )
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
    """Let glibc keep freed memory, since each image needs about as much as the one before.

    Returning it to the system, which clears it each time, would take a third of the time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(GLIBC_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(GLIBC_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES)
