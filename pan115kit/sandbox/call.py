"""One request on its way through the sandbox, and what a fault does to it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import select
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cached_property
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.requests import ClientDisconnect, Request

from .faults import Fault, FaultKind
from .multipart_form import FormError, read_form
from .traffic_log import RequestRecord, TrafficLog

#: Forms of 115's endpoints are small; more than this many bytes is no form.
_FORM_LIMIT = 4 * 1024 * 1024


class ConnectionGone(Exception):
    """The client has left, or a fault cut the connection: there is nobody to answer."""


class Pacer:
    """Holds back bytes so that all bodies together keep to a bandwidth."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def delay(self, size: int, bandwidth: float | None, now: float) -> float:
        """Seconds to wait after these bytes.

        Args:
            bandwidth: Bytes per second, or None.
            now: A monotonic clock.
        """
        if not bandwidth:
            return 0.0
        self._free_at = max(self._free_at, now) + size / bandwidth
        return self._free_at - now


class Call:
    """What a handler sees of a request.

    Attributes:
        route: The name in ``ROUTES``.
        request_id: 24 hex digits, as OSS gives every request.
        fault: The fault that hits this request.
    """

    def __init__(
        self,
        request: Request,
        route: str,
        traffic: TrafficLog,
        record: RequestRecord,
        stall: Callable[[Call], Awaitable[None]],
    ) -> None:
        self.request = request
        self.route = route
        self.request_id = secrets.token_hex(12).upper()
        self.fault: Fault | None = None
        self.received = 0
        self._traffic = traffic
        self._record = record
        self._stall = stall
        self._body: bytes | None = None

    # -- reading

    @property
    def method(self) -> str:
        """GET, PUT …"""
        return self.request.method

    @cached_property
    def path(self) -> str:
        """The decoded path."""
        raw = self.request.scope["raw_path"]
        return unquote_to_bytes(raw).decode("utf-8", "replace")

    @cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        """Decoded query parameters in order, valueless ones with an empty value."""
        return parse_qsl(self.request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The same as a dictionary."""
        return dict(self.query_pairs)

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; values as UTF-8 where they are."""
        return {k.decode("latin-1"): _text(v) for k, v in self.request.scope["headers"]}

    async def stream(self, pace: Callable[[int], Awaitable[None]] | None = None) -> AsyncIterator[bytes]:
        """The body's chunks; stops where a fault of this request says so.

        Raises:
            ConnectionGone: The client left, or the fault cut the connection.
        """
        stop_at = self._stop_at()
        try:
            async for chunk in self.request.stream():
                if not chunk:
                    continue
                self.received += len(chunk)
                self._record.received = self.received
                if stop_at is not None and self.received >= stop_at:
                    await self._stop()
                    stop_at = None
                if pace is not None:
                    await pace(len(chunk))
                yield chunk
        except ClientDisconnect:
            raise ConnectionGone from None

    async def body(self, limit: int = _FORM_LIMIT) -> bytes:
        """A small body as a whole; what is over the limit is read and dropped."""
        if self._body is None:
            kept = bytearray()
            async for chunk in self.stream():
                kept += chunk[: max(0, limit - len(kept))]
            self._body = bytes(kept)
        return self._body

    async def form(self) -> dict[str, str]:
        """The fields of a form, urlencoded or multipart; a malformed one has no fields."""
        content_type = self.headers.get("content-type", "")
        data = await self.body()
        if content_type.startswith("multipart/form-data"):
            with contextlib.suppress(FormError):
                return read_form(data, content_type)
            return {}
        return dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))

    # -- telling

    def note(self, text: str) -> None:
        """Words for the log of the traffic."""
        self._traffic.note(self._record, text)

    # -- the connection

    @property
    def _socket(self) -> socket.socket | None:
        transport = self.request.state.transport
        found: socket.socket | None = transport.get_extra_info("socket")
        return found

    def reset(self) -> None:
        """Cut the connection with a TCP RST."""
        transport: asyncio.Transport = self.request.state.transport
        if self._socket is not None and not transport.is_closing():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def client_gone(self) -> bool:
        """Has the client closed its end?  Also noticed while its bytes lie unread, where the system can tell."""
        transport: asyncio.Transport = self.request.state.transport
        if transport.is_closing():
            return True
        flags = getattr(select, "POLLRDHUP", 0)
        if not flags or self._socket is None:
            return False
        poll = select.poll()
        poll.register(self._socket.fileno(), flags)
        return bool(poll.poll(0))

    # -- faults in the middle of a body

    def _stop_at(self) -> int | None:
        fault = self.fault
        if fault is None or not fault.details.get("after_bytes"):
            return None
        return int(fault["after_bytes"])

    async def _stop(self) -> None:
        if self.fault is not None and self.fault.kind is FaultKind.RESET_BEFORE:
            self.reset()
            raise ConnectionGone
        await self._stall(self)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
