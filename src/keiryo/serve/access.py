"""Access to the service: API keys, host names, and a rate for each client."""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from keiryo.errors import InputError

SHORTEST_KEY = 16
MOST_CLIENTS = 10_000
# An IPv6 subscriber is given a network of this prefix at least.
IPV6_PREFIX = 64
BEARER = "bearer "


class ApiKeys:
    """The digests of the API keys of a file, one key a line; lines that begin with # are remarks.

    Raises InputError if the file cannot be read, holds no key or one of under 16 characters.
    """

    def __init__(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise InputError(f"--api-keys {path}: {error.strerror}") from None
        except ValueError:
            raise InputError(f"--api-keys {path}: not text in UTF-8") from None
        keys = [line.strip() for line in lines if line.strip() and line.strip()[0] != "#"]
        if not keys:
            raise InputError(f"--api-keys {path}: holds no key; write one a line")
        if short := sum(len(key) < SHORTEST_KEY for key in keys):
            raise InputError(
                f"--api-keys {path}: {short} of the keys have under {SHORTEST_KEY} characters; "
                "make them with openssl rand -hex 24"
            )
        self._digests = [_digest(key.encode()) for key in keys]

    def find(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Return the number of the key in a request's headers, or None if it has no valid one.

        Every key is compared, each in constant time, so the time tells nothing of the keys.
        """
        given = _digest(_given_key(headers))
        found = [hmac.compare_digest(given, digest) for digest in self._digests]
        return f"key {found.index(True)}" if any(found) else None


def _given_key(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(BEARER)].lower() == BEARER.encode():
        return authorization[len(BEARER) :].strip()
    return headers.get(b"x-api-key", b"").strip()


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


class Rate:
    """At most `rate` requests a second from each client, in bursts of at most as many.

    The generic cell rate algorithm (ITU-T I.371): a time for each client, when its burst is over.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._clock = 1 / rate, clock
        self._burst_seconds = max(1.0, self._interval) - self._interval
        self._ends: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, client: str) -> float:
        """Count a request of `client`; return 0, or the seconds until one is allowed again."""
        now = self._clock()
        end = max(self._ends.pop(client, now), now)
        early = end - now - self._burst_seconds
        is_allowed = early <= 1e-9
        self._ends[client] = end + self._interval if is_allowed else end
        if len(self._ends) > MOST_CLIENTS:
            self._ends.popitem(last=False)
        return 0.0 if is_allowed else early


def client_network(address: str) -> str:
    """Return the client of an address: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return address


def is_loopback(host: str) -> bool:
    """Return whether a name or address leads to this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the name in a request's Host header, without the port; empty if there is none."""
    host = next((value.decode("latin-1") for key, value in headers if key == b"host"), "")
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
