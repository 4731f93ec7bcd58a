"""A line that dies without a word, on one machine and without rights of an administrator (Linux)."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Any

_SO_ATTACH_FILTER = 26
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # a socket filter that lets no byte through


def goes_dead(sock: Any) -> None:
    """The system drops all that arrives here, as if a cable were pulled: no acknowledgement, no reset."""
    drop = ctypes.create_string_buffer(_RETURN_NOTHING)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(drop)))
