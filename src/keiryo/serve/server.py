"""The process of the service: its socket, its signals and its end."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from keiryo.errors import InputError
from keiryo.serve.connections import protocol_with
from keiryo.serve.guard import describe_fault
from keiryo.serve.service import Service

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 30
# Beyond the time limit of a request, for the sending of its answer.
SENDING_SECONDS = 5.0


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises InputError if it cannot."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise InputError(f"--host {host}: no such address of this machine") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"--port {port}: in use by another program; name another, or 0 for any"
            ) from None
        if error.errno == errno.EACCES:
            raise InputError(f"--port {port}: not permitted; name one from 1024 on") from None
        raise InputError(f"--host {host}: {error.strerror}") from None


def address_of(listener: socket.socket) -> str:
    """Return the http address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    service: Service,
    listener: socket.socket,
    *,
    timeout_seconds: float,
    drain_seconds: float,
    most_connections: int,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT, then answer all that was accepted; SIGHUP loads models again.

    After the signal, /ready answers 503 for `drain_seconds` before new connections are refused. A
    second signal ends at once.
    """
    config = uvicorn.Config(
        service,
        http=protocol_with(most_connections),
        loop="asyncio",
        ws="none",
        lifespan="off",
        backlog=BACKLOG,
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        proxy_headers=False,
        timeout_graceful_shutdown=int(timeout_seconds + SENDING_SECONDS),
    )
    # Libraries' remarks quote the requests. With a handler, Python itself prints none.
    logging.getLogger().addHandler(logging.NullHandler())
    server = _Server(config, service, drain_seconds, say)
    try:
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        service.close()


class _Server(uvicorn.Server):
    """uvicorn's server with this service's signals."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        drain_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._service, self._drain_seconds, self._say = service, drain_seconds, say
        self._is_stopping = False
        self._reload: asyncio.Future[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._say_fault)
        actions = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._reload_models,
        }
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        try:
            yield
        finally:
            for number in actions:
                loop.remove_signal_handler(number)

    def _say_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # A client that goes away while it is written to is no fault.
        if error is not None and not isinstance(error, OSError):
            self._say(f"a fault: {describe_fault(error)}")

    def _stop(self) -> None:
        if self._is_stopping:
            self.force_exit = self.should_exit = True
            return
        self._is_stopping = True
        self._service.drain()
        self._say("stopping: what was accepted is answered; a second signal ends at once")
        asyncio.get_running_loop().call_later(
            self._drain_seconds, setattr, self, "should_exit", True
        )

    def _reload_models(self) -> None:
        if self._reload is None or self._reload.done():
            loop = asyncio.get_running_loop()
            self._reload = loop.run_in_executor(None, self._service.reload)
