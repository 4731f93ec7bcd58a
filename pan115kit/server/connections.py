"""How many connections there may be, and how long and how large a request's head may be.

Whoever reaches the port can open connections and send half a request, also without the token.  So every connection
has a time limit until its request's head is whole, the head has a size limit, and all of them together stay far below
the process's limit of descriptors: an upload never fails for want of one.  At that limit the connection that has
waited longest without a whole request gives way; where all of them are at work, the newcomer is closed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

logger = logging.getLogger("pan115kit")

#: Connections at once, where the process may have many more descriptors.
MAX_CONNECTIONS = 1000
#: The part of the process's descriptors that the server may use.
SHARE = 2
#: Descriptors to expect where the system does not tell.
USUAL_DESCRIPTORS = 1024
#: Bytes of a request's line and headers; browsers send some 2 KB, a path of 4,096 bytes is 12 KB when it is encoded.
MAX_HEAD = 64 * 1024
#: Seconds until a request's head must be whole.
HEAD_PATIENCE = 10.0
#: Seconds for which the rest of a refused request is read and dropped: closed earlier, the refusal might get lost.
DRAIN_PATIENCE = 2.0


def connection_limit() -> int:
    """How many connections a server of this process may have at once."""
    return min(MAX_CONNECTIONS, max(16, _descriptors() // SHARE))


def _descriptors() -> int:
    if sys.platform == "win32":
        return USUAL_DESCRIPTORS
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS * SHARE if soft == resource.RLIM_INFINITY else soft


class LimitedHttp(HttpToolsProtocol):
    """uvicorn's HTTP with limits of a request's head, and with the time since when a connection waits.

    Attributes:
        waiting_since: When it began to wait for a whole request, or for a client that takes its answer (seconds on
            the loop's clock); None while a request is at work.
    """

    waiting_since: float | None = None
    _head_bytes = 0
    _in_head = False
    _in_request = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_timer(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._in_request and self._timer is None:
            self._wait_for_head()  # the next request of a kept connection
        in_head_before = self._in_head
        super().data_received(data)
        if in_head_before and self._in_head:
            self._count_head(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._in_request, self._head_bytes = True, True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self.transport.is_closing():
            return
        self._set_timer(None)
        self.waiting_since = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_request = False
        if self.cycle is not None:
            super().on_message_complete()
            if self.cycle.response_complete:  # a refused request is whole at last
                self._wait_for_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            return
        self.waiting_since = self.loop.time()
        if self._in_head:  # the next request has begun to come meanwhile
            self._set_timer(HEAD_PATIENCE)
        elif self._in_request:  # refused before it was whole
            self._set_timer(DRAIN_PATIENCE)

    def handle_websocket_upgrade(self) -> None:
        self._set_timer(None)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.waiting_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._at_work:
            self.waiting_since = None

    @property
    def _at_work(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        if not self._at_work:
            self.waiting_since = self.loop.time()
            self._set_timer(HEAD_PATIENCE)

    def _count_head(self, size: int) -> None:
        """Bytes that have come and are all of a head that is not whole yet."""
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> None:
        if not self.transport.is_closing():
            line = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(line.encode())
            self.transport.close()

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._out_of_time)

    def _out_of_time(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        self.transport.close()


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket; a text that is no UTF-8 is its sender's mistake, and no traceback in our log."""

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            logger.info("a WebSocket client sent a text that is no UTF-8 and is closed")
            self.conn.fail(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class ConnectionLimit:
    """Decides about new connections.

    Args:
        limit: How many there may be at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def admit(self, connections: set[Any]) -> bool:
        """Whether one more may come; at the limit, one that waits is closed for it."""
        if len(connections) < self._limit:
            return True
        waiting = [
            connection
            for connection in connections
            if isinstance(connection, LimitedHttp)
            and connection.waiting_since is not None
            and not connection.transport.is_closing()
        ]
        if not waiting:
            return False
        min(waiting, key=lambda connection: connection.waiting_since or 0.0).transport.abort()
        return True
