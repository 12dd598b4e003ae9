"""The download of a file over HTTP: resumed after an interruption, verified by its checksum."""

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from keiryo.errors import InputError
from keiryo.version import __version__

Progress = Callable[[int, int | None], None]

BLOCK_BYTES = 256 * 1024
TIMEOUT_S = 30.0
# Together long enough for a router to restart, short enough to wait for.
RETRY_WAITS_S = (0.25, 1.0, 4.0)
# Statuses of a busy server: another try may help.
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_NOT_SATISFIABLE = 416


class _FetchError(Exception):
    """A download that failed; `advice` is what the user can do besides downloading by hand."""

    advice = "try again later"


class _RefusedError(_FetchError):
    """The server refused; another try would not help."""


class _LostError(_FetchError):
    """The connection was lost: the received part is kept, and another try may get the rest."""


class _UnreachableError(_LostError):
    """No connection was made."""

    advice = "connect to the internet and try again"


def no_progress(done_bytes: int, total_bytes: int | None) -> None:
    """Report nothing."""


def download(
    url: str,
    path: Path,
    *,
    checksum: str,
    progress: Progress = no_progress,
    retry_waits_s: Sequence[float] = RETRY_WAITS_S,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Download `url` to `path`, unless a file with the same checksum is there.

    `checksum` is "md5:..." or "sha256:..." in hexadecimal; its first digits are enough. What was
    received is kept in `path` + ".part" and resumed: in this call after each of `retry_waits_s`
    seconds (which start again whenever more is received), and in the next call. `path` itself
    appears only once the checksum is right. `progress` is told the bytes done and the bytes in
    all, or None if the server does not say. A server that is silent for `timeout_s` seconds counts
    as lost. Proxies are taken from the environment.

    Raises InputError if the file cannot be downloaded or has another checksum (it is deleted then),
    and OSError if it cannot be written.
    """
    algorithm, _, expected = checksum.partition(":")
    if path.is_file() and _digest(path, algorithm).startswith(expected):
        size = path.stat().st_size
        progress(size, size)
        return
    by_hand = f"download the file by hand and put it at {path}"
    if path.exists():
        by_hand += " (the file there now is not the published one)"
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        is_pieced = _fetch(url, part, progress, retry_waits_s, timeout_s)
        if is_pieced and not _digest(part, algorithm).startswith(expected):
            # The first piece may be of an older or another file.
            part.unlink()
            _fetch(url, part, progress, retry_waits_s, timeout_s)
    except _FetchError as error:
        raise InputError(f"{url}: {error}; {error.advice}, or {by_hand}") from None
    received = _digest(part, algorithm)
    if not received.startswith(expected):
        part.unlink()
        raise InputError(
            f"{url}: not the published file ({algorithm} {received} instead of "
            f"{expected}); try again later, or {by_hand}"
        )
    part.replace(path)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _fetch(
    url: str, part: Path, progress: Progress, waits_s: Sequence[float], timeout_s: float
) -> bool:
    """Fill `part` by repeated requests; return whether it is made of several answers."""
    furthest = _size(part)
    any_connection = False
    waits = iter(waits_s)
    while True:
        try:
            return _receive(url, part, progress, timeout_s)
        except _LostError as error:
            any_connection |= not isinstance(error, _UnreachableError)
            # Waits start again only with progress, as a server may always start over.
            if _size(part) > furthest:
                furthest = _size(part)
                waits = iter(waits_s)
            wait_s = next(waits, None)
            if wait_s is None or not any_connection:
                raise
            time.sleep(wait_s)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _receive(url: str, part: Path, progress: Progress, timeout_s: float) -> bool:
    """Request the rest of `part` once; return whether it then has pieces of several answers."""
    held = _size(part)
    response = _ask(url, held, timeout_s)
    if response is None:
        return True
    with response:
        is_continued = response.status == http.client.PARTIAL_CONTENT
        if is_continued and not _starts_at(response, held):
            part.unlink(missing_ok=True)
            raise _LostError("answered with another part of the file than requested")
        done = held if is_continued else 0
        total = None if response.length is None else done + response.length
        try:
            with part.open("ab" if is_continued else "wb") as file:
                progress(done, total)
                while done != total and (block := _next_block(response, done, total)):
                    file.write(block)
                    done += len(block)
                    progress(done, total)
        except OSError as error:
            # The error of a failed write does not name the file.
            error.filename = error.filename or str(part)
            raise
    if total is not None and done < total:
        raise _LostError(f"the connection ended after {done:,} of {total:,} bytes")
    return is_continued


def _ask(url: str, held: int, timeout_s: float) -> http.client.HTTPResponse | None:
    """Open `url` from byte `held` on; return None if the server has no more bytes."""
    # urllib itself would open file: and ftp: as well.
    if not url.startswith(("http://", "https://")):
        raise _RefusedError("not an http or https address")
    request = urllib.request.Request(url, headers={"User-Agent": f"keiryo/{__version__}"})
    if held:
        request.add_header("Range", f"bytes={held}-")
    try:
        return urllib.request.build_opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        if held and error.code == RANGE_NOT_SATISFIABLE:
            return None
        kind = _LostError if error.code in PASSING_STATUSES else _RefusedError
        raise kind(f"answered {error.code} {error.reason}".rstrip()) from None
    except TimeoutError:
        raise _UnreachableError(f"no answer within {timeout_s:g} s") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise _UnreachableError(f"cannot be reached ({reason})") from None
    except (http.client.InvalidURL, ValueError) as error:
        raise _RefusedError(f"not an address that can be opened ({error})") from None
    except (OSError, http.client.HTTPException) as error:
        raise _LostError(f"the connection ended before an answer ({error})") from None


def _starts_at(response: http.client.HTTPResponse, held: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {held}-")


def _next_block(response: http.client.HTTPResponse, done: int, total: int | None) -> bytes:
    """Return the bytes received, at least one, or none if the answer has ended."""
    wanted = BLOCK_BYTES if total is None else min(BLOCK_BYTES, total - done)
    try:
        # read1 returns what is there; read would wait for a whole block.
        return response.read1(wanted)
    except (OSError, http.client.HTTPException) as error:
        of_total = "" if total is None else f" of {total:,}"
        raise _LostError(f"the connection ended after {done:,}{of_total} bytes ({error})") from None
