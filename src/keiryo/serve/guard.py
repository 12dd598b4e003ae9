"""The middleware that every request passes: access, limits on bytes and time, counters."""

import asyncio
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keiryo.serve.access import ApiKeys, Rate, client_network, host_of, is_loopback
from keiryo.serve.counters import Counters
from keiryo.serve.limits import Limits, RefusalError

# Answered without a key, at any rate: for load balancers, and for whoever is to enter a key.
OPEN_PATHS = ("/", "/health", "/ready", "/openapi.json")
PATHS = (*OPEN_PATHS, "/models", "/metrics", "/predict")
DEADLINE = "deadline"  # in the scope's state: a time of the event loop
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)


class Guard:
    """ASGI middleware. It counts bytes as they arrive, before anything is parsed or kept.

    `keys` may be replaced while it runs. With `local`, only requests to a name of this machine
    itself are answered: a web page elsewhere could otherwise call the service by a name of its own
    that leads to 127.0.0.1.
    """

    def __init__(
        self,
        application: ASGIApp,
        *,
        limits: Limits,
        counters: Counters,
        keys: ApiKeys | None,
        local: bool,
        say: Callable[[str], None],
    ) -> None:
        self.keys = keys
        self._application, self._limits, self._counters = application, limits, counters
        self._local, self._say = local, say
        self._rate = None if limits.rate is None else Rate(limits.rate)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        body = _Body(self, scope, receive)
        answer = _Sending(send)
        try:
            self._check(scope)
            await self._application(scope, body.receive, answer.send)
        except RefusalError as refusal:
            self._counters.refused.labels(refusal.code).inc()
            if not answer.status:
                await refusal.response()(scope, receive, answer.send)
        except Exception as error:
            self._say(f"a fault: {describe_fault(error)}")
            if not answer.status:
                fault = RefusalError(500, "fault", "a fault of the service; its log names it")
                await fault.response()(scope, receive, answer.send)
        finally:
            self._hold(-body.bytes)
            path = scope["path"] if scope["path"] in PATHS else "other"
            self._counters.requests.labels(path, answer.status or "none").inc()
            self._counters.request_seconds.labels(path).observe(time.perf_counter() - began)

    def _check(self, scope: Scope) -> None:
        """Refuse a request by its head alone."""
        if self._local and not is_loopback(host_of(scope["headers"])):
            raise RefusalError(
                403, "host", "the service is for this machine alone: call it 127.0.0.1 or localhost"
            )
        headers = dict(scope["headers"])
        if scope["path"] not in OPEN_PATHS:
            key = None if self.keys is None else self.keys.find(headers)
            if self._rate is not None:
                client = scope["client"][0] if scope["client"] else ""
                wait = self._rate.seconds_to_wait(key or client_network(client))
                if wait:
                    raise RefusalError(
                        429, "rate", "too many requests from this client", retry_after=wait
                    )
            if self.keys is not None and key is None:
                raise RefusalError(
                    401, "key", "no valid API key: send Authorization: Bearer KEY, or X-API-Key"
                )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limits.request_bytes:
            raise self._too_large()
        state = scope.setdefault("state", {})
        state[DEADLINE] = asyncio.get_running_loop().time() + self._limits.timeout_seconds

    def _count(self, bytes_so_far: int, more: int) -> None:
        if bytes_so_far + more > self._limits.request_bytes:
            raise self._too_large()
        if self._held + more > self._limits.held_bytes:
            raise RefusalError(503, "busy", "too many bytes wait for their answer", retry_after=1)
        self._hold(more)

    def _hold(self, more: int) -> None:
        self._held += more
        self._counters.held_bytes.set(self._held)

    def _too_large(self) -> RefusalError:
        return RefusalError(
            413, "bytes", f"a request has at most {self._limits.request_bytes:,} bytes"
        )


class _Body:
    """The body of a request: its bytes are counted, and it must come before the deadline."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive) -> None:
        self._guard, self._scope, self._receive = guard, scope, receive
        self._is_whole = False
        self.bytes = 0

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._scope["state"][DEADLINE]):
                message = await self._receive()
        except TimeoutError:
            raise RefusalError(408, "slow", "the request came too slowly") from None
        if message["type"] == "http.request":
            more = len(message.get("body", b""))
            self._guard._count(self.bytes, more)
            self.bytes += more
            self._is_whole = not message.get("more_body", False)
        return message


class _Sending:
    """The sender of an answer, which adds headers and keeps the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await self._send(message)


def describe_fault(error: BaseException) -> str:
    """Return the kind and the place of an exception, without its words, which may quote a file."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
