"""The parts that both kinds of pack share: a header with a checksum, and a lock."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from filelock import FileLock, Timeout

from keiryo.errors import InputError
from keiryo.files import checksum_of
from keiryo.records.base import Record


class SealedHeader(Record):
    """The JSON beside a pack's arrays; `checksum` is that of its text without the checksum."""

    checksum: str = ""

    def with_checksum(self) -> Self:
        """Return the header with its checksum."""
        text = self.model_copy(update={"checksum": ""}).model_dump_json()
        return self.model_copy(update={"checksum": checksum_of(text.encode())})


AnyHeader = TypeVar("AnyHeader", bound=SealedHeader)


def read_header(kind: type[AnyHeader], text: bytes, path: str, *, version: int) -> AnyHeader:
    """Return the header in `text`, the content of `path`.

    Raises InputError if it is no such header, of another format version, or damaged.
    """
    try:
        found = json.loads(text)["format_version"]
        if found != version:
            raise InputError(f"{path}: a pack of version {found}; pack it again")
        header = kind.model_validate_json(text)
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a pack of keiryo's, or a damaged one") from None
    # The text itself is checked, since a header written again may have renamed fields.
    unsealed = text.replace(f'"checksum":"{header.checksum}"'.encode(), b'"checksum":""')
    if checksum_of(unsealed) != header.checksum:
        raise InputError(f"{path}: damaged; pack it again")
    return header


def npy_header(shape: tuple[int, ...]) -> bytes:
    """Return the first bytes of a .npy file of uint8 numbers in `shape`.

    Their number is the same for any number of rows, so the header can be rewritten later.
    """
    text = io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(text, description)
    return text.getvalue()


@contextmanager
def lock_pack(folder: Path) -> Iterator[None]:
    """Prevent other processes from making the pack `folder` meanwhile.

    Raises InputError if another process is making it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        with lock.acquire(blocking=False):
            try:
                yield
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        raise InputError(f"{folder}: another keiryo is making this pack; wait for it") from None
