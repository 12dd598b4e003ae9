"""The pixels of a pack as an array of rows, on this machine's disk or remote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keiryo.data.sources.storage import filesystem_of
from keiryo.errors import InputError
from keiryo.files import checksum_of
from keiryo.sealed_pack import npy_header

VERIFIED_AT_ONCE_BYTES = 16_000_000


class ImageRows(Protocol):
    """Rows of images, (rows, size, size, 3), uint8, indexed like an array."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...

    def __len__(self) -> int: ...


def images_file_bytes(rows: int, size: int) -> int:
    """Return the number of bytes of a .npy file with `rows` images."""
    return len(npy_header((rows, size, size, 3))) + rows * size * size * 3


def open_image_rows(path: Path, checksums: Sequence[str], size: int, *, verify: bool) -> np.ndarray:
    """Map the file `path` into memory; raise InputError if its rows do not match `checksums`.

    Any number of processes may map the same file; it is in memory once.
    """
    shape = (len(checksums), size, size, 3)
    header = npy_header(shape)
    row_bytes = size * size * 3
    with path.open("rb") as file:
        is_whole = file.read(len(header)) == header
    if not is_whole or path.stat().st_size != images_file_bytes(len(checksums), size):
        raise InputError(f"{path}: cut short or not of this pack; pack it again")
    if verify and (damaged := _damaged_rows(path, checksums, len(header), row_bytes)):
        raise InputError(
            f"{path}: {len(damaged)} of its images do not match their checksums, the first in "
            f"row {damaged[0]}; pack it again"
        )
    return np.memmap(path, dtype=np.uint8, mode="r", offset=len(header), shape=shape)


def _damaged_rows(path: Path, checksums: Sequence[str], offset: int, row_bytes: int) -> list[int]:
    # Read, not mapped: mapped pages would count as memory of this process.
    damaged: list[int] = []
    rows = max(1, VERIFIED_AT_ONCE_BYTES // row_bytes)
    buffer = memoryview(bytearray(rows * row_bytes))
    with path.open("rb") as file:
        file.seek(offset)
        for start in range(0, len(checksums), rows):
            expected = checksums[start : start + rows]
            file.readinto(buffer[: len(expected) * row_bytes])
            damaged += [
                start + row
                for row, checksum in enumerate(expected)
                if checksum_of(buffer[row * row_bytes : (row + 1) * row_bytes]) != checksum
            ]
    return damaged


class RemoteImageRows:
    """Rows of a remote pack, fetched and verified each time that they are indexed."""

    def __init__(self, url: str, checksums: Sequence[str], size: int) -> None:
        self._url = url
        self._checksums = checksums
        self.shape = (len(checksums), size, size, 3)
        self._offset = len(npy_header(self.shape))

    def __len__(self) -> int:
        return len(self._checksums)

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Return the rows of a number, a slice or an array, as NumPy does."""
        wanted = np.arange(len(self))[rows]
        pixels = self._fetch(np.atleast_1d(wanted))
        return pixels[0] if np.ndim(wanted) == 0 else pixels

    def _fetch(self, rows: np.ndarray) -> np.ndarray:
        row_bytes = self.shape[1] * self.shape[2] * self.shape[3]
        starts = (self._offset + rows * row_bytes).tolist()
        files, path = filesystem_of(self._url)
        try:
            fetched = files.cat_ranges(
                [path] * len(rows), starts, [start + row_bytes for start in starts]
            )
        except Exception as error:  # each store raises its own
            raise InputError(f"{self._url}: cannot be read: {error}") from None
        for row, data in zip(rows.tolist(), fetched, strict=True):
            if not isinstance(data, bytes) or checksum_of(data) != self._checksums[row]:
                raise InputError(f"{self._url}: row {row} does not match its checksum")
        return np.frombuffer(b"".join(fetched), np.uint8).reshape(-1, *self.shape[1:])
