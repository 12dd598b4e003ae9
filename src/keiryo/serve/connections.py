"""Connections that hold up nobody: silent ones are closed, and stopping loses no request."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Time for the head of a request, for what a refused client still sends, and for a request that is
# on its way when the service stops.
HEAD_SECONDS = 10.0
REST_SECONDS = 2.0
STOPPING_SECONDS = 1.0
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-length: 0\r\n\r\n"
)


def protocol_with(most_connections: int) -> type[H11Protocol]:
    """Return uvicorn's protocol for connections, of which there are at most this many."""

    class Connection(H11Protocol):
        """A connection whose client must send a whole head in time."""

        _is_stopping = False
        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most_connections:
                transport.write(FULL)
                transport.close()
            else:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_if_silent)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self._is_answering():
                if self._head_timer is not None:
                    self._head_timer.cancel()
                    self._head_timer = None
                if self._is_stopping:
                    self.cycle.keep_alive = False
            elif self._head_timer is None and self._has_part_of_a_head():
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_if_silent)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._is_closing() and self.conn.their_state is h11.SEND_BODY:
                self.loop.call_later(REST_SECONDS, self._close)

        def shutdown(self) -> None:
            if self._is_answering():
                super().shutdown()
            else:
                self._is_stopping = True
                self.loop.call_later(STOPPING_SECONDS, self._close_if_silent)

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _has_part_of_a_head(self) -> bool:
            return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

        def _is_closing(self) -> bool:
            return self.transport.is_closing()

        def _close_if_silent(self) -> None:
            self._head_timer = None
            if not self._is_answering():
                self._close()

        def _close(self) -> None:
            if not self._is_closing():
                self.transport.close()

    return Connection
