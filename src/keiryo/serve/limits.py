"""The limits of the service, and the refusals that name them."""

import math
from dataclasses import dataclass

from starlette.responses import JSONResponse

MEGA = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The largest amounts that the service takes.

    `request_bytes` is the body of a request, and `held_bytes` the bodies of all requests that have
    no answer yet. `waiting` counts the images that no worker has begun. `rate` is the number of
    requests a second from one client; None does not limit it. `timeout_seconds` is the time from
    the head of a request to its answer.
    """

    request_bytes: int = 20 * MEGA
    held_bytes: int = 128 * MEGA
    pixels: int = 25 * MEGA
    images: int = 16
    waiting: int = 64
    connections: int = 1000
    rate: float | None = None
    timeout_seconds: float = 30.0


class RefusalError(Exception):
    """A request that is not answered, with the HTTP status, a code for programs and a sentence."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        """Return the answer: `{"error": code, "message": sentence}`."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": self.code, "message": self.message}, self.status, headers)
