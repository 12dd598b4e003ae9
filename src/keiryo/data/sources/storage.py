"""Data that lies elsewhere than on this machine's disks, reached through fsspec."""

import re
from pathlib import Path
from typing import Any

from keiryo.errors import InputError


def is_url(data: str) -> bool:
    """Return whether `data` names a place by a URL: `s3://…`, `gs://…`, `https://…`."""
    return "://" in data


def was_url(path: Path) -> bool:
    """Return whether `path` was made of a URL, of which a path keeps but one slash."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)) is not None


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return the fsspec file system that `url` lies on, and its path there.

    Raises InputError where nothing installed knows such URLs.
    """
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(url.rstrip("/"))
    except ImportError as error:
        raise InputError(f"{url}: {error}") from None
    except ValueError:
        raise InputError(f"{url}: nothing is known of such URLs") from None


def is_remote_file(url: str) -> bool:
    """Return whether there is a file at `url`; raise InputError where that cannot be known."""
    files, path = filesystem_of(url)
    try:
        return bool(files.isfile(path))
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be reached: {error}") from None


def remote_size(url: str) -> int | None:
    """Return how many bytes the file at `url` has; None where there is none."""
    files, path = filesystem_of(url)
    try:
        return files.size(path)
    except FileNotFoundError:
        return None
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be reached: {error}") from None


def read_bytes(url: str) -> bytes:
    """Return what is in the file at `url`; raise InputError where it cannot be read."""
    files, path = filesystem_of(url)
    try:
        return files.cat_file(path)
    except Exception as error:  # each store raises its own
        raise InputError(f"{url}: cannot be read: {error}") from None
