"""A line that is silently dead (lid closed, wifi lost: no reset ever comes) is noticed within 45 seconds.

The system is told to ask an idle connection whether it lives, and to give one up whose bytes are not acknowledged.
On Linux the latter would also cut a living server that only takes no more bytes for a while (``TCP_USER_TIMEOUT``
counts a closed window, measured on Linux 5.15 and later), so there whoever waits asks :func:`is_dead`.
"""

from __future__ import annotations

import platform
import socket
import struct
from collections.abc import Iterator

#: Seconds without any sign of life after which a line is dead.
DEAD_AFTER = 40.0
#: Seconds between two looks of :func:`is_dead`.
LOOK_EVERY = 2.0

# A first question after 10 quiet seconds, then one every 5: six without an answer make 40 seconds.
_IDLE, _INTERVAL, _QUESTIONS = 10, 5, 6

#: Not in Python's socket module: <netinet/tcp.h> of macOS, <ws2ipdef.h> of Windows; both in seconds.
_MACOS_RXT_CONNDROPTIME = 0x80
_WINDOWS_MAXRT = 5

# struct tcp_info (linux/tcp.h): retransmits and unanswered window probes, then 32-bit fields from byte 8
_TCP_INFO = struct.Struct("=xxBBxxxx16xI28xI")

Option = tuple[int, int, int]


def keepalive_options(system: str = "") -> list[Option]:
    """What makes the system notice a dead line by itself; options it does not have are left out.

    Args:
        system: As :func:`platform.system` names it; empty takes this one.
    """
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *_tcp_options(system or platform.system())]


def short_request_options(system: str = "") -> list[Option]:
    """As :func:`keepalive_options`, for connections that carry little: no window of theirs is ever closed."""
    options = keepalive_options(system)
    if (system or platform.system()) == "Linux" and hasattr(socket, "TCP_USER_TIMEOUT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(DEAD_AFTER * 1000)))
    return options


def _tcp_options(system: str) -> Iterator[Option]:
    # macOS calls the time to the first question by another name
    for name, value in (
        ("TCP_KEEPALIVE" if system == "Darwin" else "TCP_KEEPIDLE", _IDLE),
        ("TCP_KEEPINTVL", _INTERVAL),
        ("TCP_KEEPCNT", _QUESTIONS),
    ):
        if hasattr(socket, name):
            yield socket.IPPROTO_TCP, getattr(socket, name), value
    if system == "Darwin":
        yield socket.IPPROTO_TCP, _MACOS_RXT_CONNDROPTIME, round(DEAD_AFTER)
    elif system == "Windows":
        yield socket.IPPROTO_TCP, _WINDOWS_MAXRT, round(DEAD_AFTER)


def is_dead(sock: socket.socket) -> bool:
    """Whether bytes have been sent again and again and nothing came back for :data:`DEAD_AFTER` seconds.

    A server that takes its time acknowledges what it gets, also with its window closed.  Always False where the
    system cannot be asked; there the options do it.
    """
    if platform.system() != "Linux" or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:  # closed meanwhile
        return False
    return len(info) == _TCP_INFO.size and is_dead_by(info)


def is_dead_by(info: bytes) -> bool:
    """:func:`is_dead` by what Linux says of a connection (the beginning of ``struct tcp_info``)."""
    retransmits, probes, unacked, silent_for = _TCP_INFO.unpack(info)
    unanswered = (unacked > 0 and retransmits > 0) or probes > 1
    return bool(unanswered and silent_for >= DEAD_AFTER * 1000)
