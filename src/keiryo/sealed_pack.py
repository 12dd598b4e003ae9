"""The parts that both kinds of pack share: a header with a checksum, a lock, the data it holds."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from filelock import FileLock, Timeout

from keiryo.errors import InputError
from keiryo.files import checksum_of
from keiryo.records.base import Finding, Record
from keiryo.sentences import count


@dataclass(frozen=True)
class Difference:
    """The difference between the data that a pack was made of and the data that there is now.

    `added` items are new and `gone` ones are no longer there; `noun` is the word for one.
    """

    added: int = 0
    gone: int = 0
    noun: str = "image"
    is_known: bool = True  # False: one of the two does not tell its content

    @property
    def is_none(self) -> bool:
        """True if both hold the same items."""
        return self.is_known and not self.added and not self.gone

    @property
    def is_held(self) -> bool:
        """True if the pack holds every item that there is now."""
        return self.is_known and not self.added

    @property
    def words(self) -> str:
        """The difference in words: 1 image new, 2 images no longer there."""
        both = ((self.added, "new"), (self.gone, "no longer there"))
        return ", ".join(f"{count(number, self.noun)} {what}" for number, what in both if number)

    def finding(self, kind: str) -> Finding:
        """Return the finding that the run, of this `kind`, continues although items are gone."""
        return Finding(
            code="data_partly_away",
            severity="warning",
            evidence=f"{count(self.gone, self.noun)} of the {kind}'s data no longer there; it "
            "continues with its own pack, which holds them",
            advice="Nothing to do if they have moved. If you removed them on purpose, begin again "
            "with another --out.",
        )


def data_away(kind: str, reason: str) -> Finding:
    """Return the finding that the run, of this `kind`, continues without its data, for `reason`."""
    return Finding(
        code="data_away",
        severity="info",
        evidence=f"the {kind} continues with its own pack, since its data is away: {reason}",
        advice="Nothing to do: the pack holds all of it, and its checksums are right.",
    )


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
