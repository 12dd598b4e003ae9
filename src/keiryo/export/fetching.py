"""Images fetched from http addresses, with limits on their size and on the time."""

import http.client
import re
import time
import urllib.error
import urllib.request

from keiryo.errors import InputError
from keiryo.version import __version__

SCHEMES = ("http://", "https://")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
LARGEST_BYTES = 50_000_000
BLOCK_BYTES = 1 << 16
SILENCE_SECONDS = 15.0
LONGEST_SECONDS = 120.0


def is_address(place: str) -> bool:
    """Return True if `place` is an address, not a path."""
    return SCHEME.match(place) is not None


def fetch(
    address: str,
    *,
    largest_bytes: int = LARGEST_BYTES,
    silence_s: float = SILENCE_SECONDS,
    longest_s: float = LONGEST_SECONDS,
) -> bytes:
    """Return the bytes at an http or https address.

    Raises InputError, without naming the address, if the server refuses, is silent for `silence_s`,
    takes longer than `longest_s`, or sends more than `largest_bytes` or no image.
    """
    if not address.lower().startswith(SCHEMES):
        raise InputError("not an http or https address")
    try:
        return _fetch(address, largest_bytes, silence_s, longest_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(f"the server answered {error.code} {error.reason}".rstrip()) from None
    except TimeoutError:
        raise InputError(f"no answer within {silence_s:g} s") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise InputError(f"no answer within {silence_s:g} s") from None
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise InputError(f"cannot be reached ({reason})") from None
    except (http.client.InvalidURL, ValueError) as error:
        raise InputError(f"not an address that can be opened ({error})") from None
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"the connection ended ({error or type(error).__name__})") from None


def _fetch(address: str, largest_bytes: int, silence_s: float, longest_s: float) -> bytes:
    began = time.monotonic()
    request = urllib.request.Request(address, headers={"User-Agent": f"keiryo/{__version__}"})
    with _opener().open(request, timeout=silence_s) as response:
        kind = response.headers.get_content_type()
        if kind == "text/html":
            raise InputError(f"not an image: the server sent {kind}")
        data = bytearray()
        # read1 returns what is there; read would wait for a whole block.
        while block := response.read1(BLOCK_BYTES):
            data += block
            if len(data) > largest_bytes:
                raise InputError(f"larger than {largest_bytes / 1e6:g} MB")
            if time.monotonic() - began > longest_s:
                raise InputError(f"not received within {longest_s:g} s")
        if response.length:  # what the server announced and did not send
            raise InputError(f"the connection ended {response.length:,} bytes too early")
    return bytes(data)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener of http and https alone: a redirect must not lead to a file or to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
