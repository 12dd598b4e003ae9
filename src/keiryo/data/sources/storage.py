"""Remote data, reached through fsspec."""

import re
from pathlib import Path
from typing import Any

from keiryo.errors import InputError


def is_url(data: str) -> bool:
    """Return whether `data` is a URL: `s3://…`, `gs://…`, `https://…`."""
    return "://" in data


def was_url(path: Path) -> bool:
    """Return whether `path` was made from a URL; a path keeps only one of its slashes."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)) is not None


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of `url`, and its path there.

    Raises InputError if no installed package supports such URLs.
    """
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(url.rstrip("/"))
    except ImportError as error:
        raise InputError(f"{url}: {error}") from None
    except ValueError:
        raise InputError(f"{url}: URLs of this kind are not supported") from None


def is_remote_file(url: str) -> bool:
    """Return whether there is a file at `url`; raise InputError if it cannot be reached."""
    files, path = filesystem_of(url)
    try:
        return bool(files.isfile(path))
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be reached: {error}") from None


def remote_size(url: str) -> int | None:
    """Return the number of bytes of the file at `url`, or None if there is none."""
    files, path = filesystem_of(url)
    try:
        return files.size(path)
    except FileNotFoundError:
        return None
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be reached: {error}") from None


def read_bytes(url: str) -> bytes:
    """Return the content of the file at `url`; raise InputError if it cannot be read."""
    files, path = filesystem_of(url)
    try:
        return files.cat_file(path)
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be read: {error}") from None
