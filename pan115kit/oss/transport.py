"""The connections to OSS under httpx, which listen while they send.

OSS may refuse a part (403, 409 …) before all of it has arrived and then close the connection.  A client that only
writes sees a broken pipe; here the answer is heard the moment it comes, the rest of the body is not sent, and httpx
gets the answer.  Besides that: a write times out by standstill, not by the size of a piece; bytes wait with us, not
in megabytes of kernel buffer, so that progress is true; a large piece is not copied on its way to the socket.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import math
import os
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from urllib.request import getproxies

import httpcore
import httpx

from .._base import dead_lines
from ..config import UploadConfig
from ..i18n import say

#: Seconds an idle connection is kept; OSS closes idle ones after about a minute.
_KEEP_ALIVE = 30.0
#: Bytes the kernel may hold unsent (Linux, macOS); bytes in flight are not limited by it.
_UNSENT_BYTES = 256 << 10
#: Handed to the transport at once: over TLS it is encrypted, and so copied, as a whole.
_PLAIN_SLICE, _TLS_SLICE = 1 << 20, 256 << 10


def make_http_client(config: UploadConfig) -> httpx.AsyncClient:
    """The HTTP client for OSS: pooled connections, long answers, proxies as the environment says, HTTP/1.1."""
    context = httpx.create_ssl_context()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=16, keepalive_expiry=_KEEP_ALIVE)
    # A transport given as such would switch the environment's proxies off; as a mount for "all://" it only comes
    # after them, and after nothing else.
    mounts = None if "all" in getproxies() else {"all://": ListeningTransport(limits, context)}
    return httpx.AsyncClient(
        verify=context,
        timeout=httpx.Timeout(config.read_timeout, connect=config.connect_timeout, pool=None),
        limits=limits,
        mounts=mounts,
        headers={"User-Agent": "pan115kit", "Accept-Encoding": "identity"},
        http2=False,
    )


class ListeningTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, but over :class:`ListeningBackend`."""

    def __init__(self, limits: httpx.Limits, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, limits=limits)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=ListeningBackend(),
        )


class ListeningBackend(httpcore.AsyncNetworkBackend):
    """Opens :class:`ListeningStream` connections for httpcore."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> ListeningStream:
        """Open a TCP connection to the first address of ``host`` that answers."""
        loop = asyncio.get_running_loop()
        local = None if local_address is None else (local_address, 0)
        try:
            async with asyncio.timeout(timeout):
                # asyncio's race between addresses forgets a socket when it is cancelled at the finish (the garbage
                # collector closes it then), so there is none where there is one address only
                race = None if _is_address(host) else 0.25
                transport, protocol = await loop.create_connection(
                    _Protocol, host, port, local_addr=local, happy_eyeballs_delay=race
                )
        except TimeoutError:
            raise httpcore.ConnectTimeout(say("network.reason.no_connection_within", seconds=timeout)) from None
        except OSError as error:
            raise httpcore.ConnectError(_reason(error)) from None
        _tune(transport.get_extra_info("socket"), socket_options or ())
        return ListeningStream(transport, protocol)

    async def sleep(self, seconds: float) -> None:
        """Wait between httpcore's own tries to connect."""
        await asyncio.sleep(seconds)


class ListeningStream(httpcore.AsyncNetworkStream):
    """One connection that reads all the time, also while a body is being written."""

    def __init__(self, transport: asyncio.Transport, protocol: _Protocol, *, tls: bool = False) -> None:
        self._transport = transport
        self._protocol = protocol
        self._slice = _TLS_SLICE if tls else _PLAIN_SLICE

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most ``max_bytes``; empty at the end."""
        protocol = self._protocol
        while not protocol.received and not protocol.ended:
            if not await self._something_happens(timeout, httpcore.ReadError):
                raise httpcore.ReadTimeout(say("network.reason.no_byte_for", seconds=timeout))
        if not protocol.received and protocol.error is not None:
            raise httpcore.ReadError(_reason(protocol.error))
        data = bytes(protocol.received[:max_bytes])
        del protocol.received[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Hand all of ``buffer`` to the kernel, unless the answer comes first.

        Raises:
            httpcore.WriteError: The answer is there (httpcore goes on to read it), or the connection is gone.
            httpcore.WriteTimeout: Not a byte could be written for ``timeout`` seconds.
        """
        view = memoryview(buffer)
        for start in range(0, len(view), self._slice):
            self._check_writable()
            self._transport.write(view[start : start + self._slice])
            left = self._transport.get_write_buffer_size()
            while self._protocol.is_paused:
                happened = await self._something_happens(timeout, httpcore.WriteError)
                self._check_writable()
                before, left = left, self._transport.get_write_buffer_size()
                if not happened and left >= before:
                    raise httpcore.WriteTimeout(say("network.reason.nothing_sent_for", seconds=timeout))

    async def _something_happens(self, timeout: float | None, error: type[httpcore.NetworkError]) -> bool:
        """Wait for bytes, an end, or room to write, as long as the line lives.

        Args:
            timeout: Seconds; None waits without end.
            error: Raised when the line is dead.

        Returns:
            False after ``timeout`` seconds without.
        """
        loop = asyncio.get_running_loop()
        end = math.inf if timeout is None else loop.time() + timeout
        while (left := end - loop.time()) > 0:
            if await self._protocol.something_happens(min(left, dead_lines.LOOK_EVERY)):
                return True
            if dead_lines.is_dead(self._transport.get_extra_info("socket")):
                raise error(say("network.reason.line_dead", seconds=f"{dead_lines.DEAD_AFTER:g}"))
        return False

    def _check_writable(self) -> None:
        if self._protocol.is_answered:
            raise httpcore.WriteError(say("network.reason.answered_early"))
        if self._protocol.ended or self._transport.is_closing():
            raise httpcore.WriteError(_reason(self._protocol.error))

    async def aclose(self) -> None:
        """Close at once, whatever is still unsent."""
        self._transport.abort()
        await asyncio.sleep(0)  # lets the loop close the socket before anybody closes the loop

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> ListeningStream:
        """Go on encrypted."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self._protocol, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError:
            await self.aclose()
            raise httpcore.ConnectTimeout(say("network.reason.no_tls_within", seconds=timeout)) from None
        except OSError as error:
            await self.aclose()
            raise httpcore.ConnectError(_reason(error)) from None
        if transport is None:
            raise httpcore.ConnectError(say("network.reason.closed_in_tls"))
        self._protocol.encrypted_over(transport)
        return ListeningStream(transport, self._protocol, tls=True)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: above all whether an idle connection has been closed by the server."""
        if info == "is_readable":
            return bool(self._protocol.received) or self._protocol.ended or self._transport.is_closing()
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


class _Protocol(asyncio.Protocol):
    """Keeps what comes and tells the one coroutine that waits when something happens."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.is_paused = False
        self._transport: asyncio.Transport | None = None
        self._is_tls = False
        self._waiter: asyncio.Future[bool] | None = None

    @property
    def is_answered(self) -> bool:
        """Whether a final answer has begun to come; ``HTTP/1.1 1xx`` is not one."""
        return len(self.received) > 9 and self.received[9:10] != b"1"

    async def something_happens(self, timeout: float) -> bool:
        """Wait for bytes, an end, or room to write; False after ``timeout`` seconds without."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(timeout, self._wake, False)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            timer.cancel()

    def _wake(self, happened: bool = True) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(happened)

    def encrypted_over(self, transport: asyncio.Transport) -> None:
        """Go on with the TLS transport; it counts what is to be encrypted, the plain one below what is not sent."""
        self._transport = transport
        self._is_tls = True
        transport.set_write_buffer_limits(high=1, low=0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._wake()

    def eof_received(self) -> bool:
        self.ended = True
        self._wake()
        return not self._is_tls  # half-closed TCP may still be written to; TLS cannot be half-closed

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        self.error = error
        if error is not None and not self._is_tls:
            self._save_the_answer()
        self._wake()

    def _save_the_answer(self) -> None:
        """A failed write ends the connection though the answer may lie in the kernel, not yet read."""
        assert self._transport is not None
        with suppress(OSError):
            while data := os.read(self._transport.get_extra_info("socket").fileno(), 64 << 10):
                self.received += data

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        self._wake()


_REASONS = {
    errno.ECONNREFUSED: "network.reason.refused",
    errno.ECONNRESET: "network.reason.reset",
    errno.EPIPE: "network.reason.broken_pipe",
    errno.ETIMEDOUT: "network.reason.timed_out",
    errno.EHOSTUNREACH: "network.reason.no_route",
    errno.ENETUNREACH: "network.reason.unreachable",
}


def _reason(error: Exception | None) -> str:
    """Why a connection failed, in the user's language where we know it, else in the system's words."""
    if error is None:
        return say("network.reason.closed")
    number = getattr(error, "errno", None)
    if number in _REASONS:
        return say(_REASONS[number])
    # asyncio's own words ("Connect call failed") say less than the system's
    return os.strerror(number) if isinstance(error, ConnectionError) and number else str(error)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _tune(sock: Any, options: Iterable[httpcore.SOCKET_OPTION]) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for level, name, value in dead_lines.keepalive_options():
        with suppress(OSError):  # an option that this version of the system does not have
            sock.setsockopt(level, name, value)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
    for option in options:
        sock.setsockopt(*option)
