"""Files and folders that are written whole or not at all."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash

READ_BYTES = 1 << 20
UNREADABLE = "unreadable"


def unfinished_name(path: Path) -> Path:
    """Return a new name beside `path` for a file that is being written."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved to it when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_name(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # The error of a failed write does not name the file.
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, moved to it when the block ends without error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_name(path)
    temporary.mkdir()
    try:
        yield temporary
        move_folder(temporary, path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_folder(folder: Path, path: Path) -> None:
    """Move `folder` to `path` on the same disk, replacing a folder that is there."""
    # A folder cannot be moved to one that is not empty.
    if path.exists():
        old = path.with_name(f".{path.name}.{uuid.uuid4().hex}.old")
        path.replace(old)
        folder.replace(path)
        shutil.rmtree(old)
    else:
        folder.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all.

    Bytes of a file's name that are not UTF-8 are written as \\udcXX.
    """
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def digest_of_file(path: Path) -> str:
    """Return a digest of the file's content, 128 bits in hexadecimal, in bounded memory.

    Return "unreadable" for a file that cannot be read.
    """
    digest = xxhash.xxh3_128()
    try:
        # Anything else, a pipe for example, may never end.
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(READ_BYTES):
                    digest.update(block)
            return digest.hexdigest()
    except OSError:
        pass
    return UNREADABLE


def shown(path: Path | str) -> str:
    """Return a path as text to show or record, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def checksum_of(data: bytes | memoryview) -> str:
    """Return the XXH3 checksum of `data`, 64 bits in hexadecimal, as fast as memory is read."""
    return xxhash.xxh3_64_hexdigest(data)


def fingerprint_of_files(head: str, files: Iterable[tuple[str, Path]]) -> str:
    """Return a digest of `head` and of the description, size and last change of each file."""
    digest = hashlib.blake2b(head.encode(), digest_size=16)
    for description, path in files:
        try:
            status = path.stat()
        except OSError:  # a link that leads nowhere
            status = path.lstat()
        digest.update(f"{description}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
