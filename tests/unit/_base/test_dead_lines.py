"""A line that died without a word: found in time, and never mistaken for a server that is slow."""

from __future__ import annotations

import platform
import socket
import struct
import time
from contextlib import suppress

import pytest
from dead_line_support import goes_dead

from pan115kit._base import dead_lines

LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="Linux says how a connection stands")


@LINUX
def test_linux_asks_an_idle_connection_and_gives_up_within_45_seconds() -> None:
    options = {(level, name): value for level, name, value in dead_lines.keepalive_options()}
    assert options[socket.SOL_SOCKET, socket.SO_KEEPALIVE] == 1
    idle = options[socket.IPPROTO_TCP, socket.TCP_KEEPIDLE]
    every = options[socket.IPPROTO_TCP, socket.TCP_KEEPINTVL]
    assert idle + every * options[socket.IPPROTO_TCP, socket.TCP_KEEPCNT] <= 45
    assert (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) not in options  # it would cut a server that pauses
    with socket.socket() as sock:
        for option in dead_lines.short_request_options():
            sock.setsockopt(*option)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 40_000


@pytest.mark.parametrize(("system", "number"), [("Darwin", 0x80), ("Windows", 5)])
def test_macos_and_windows_give_up_bytes_that_nobody_acknowledges(system: str, number: int) -> None:
    assert (socket.IPPROTO_TCP, number, 40) in dead_lines.keepalive_options(system)


@pytest.mark.parametrize(
    ("retransmits", "probes", "unacked", "silent", "dead"),
    [
        (5, 0, 3, 41_000, True),
        (5, 0, 3, 39_000, False),
        (0, 0, 3, 90_000, False),  # just sent, after a long silence
        (0, 0, 0, 90_000, False),  # all is acknowledged: the server thinks
        (0, 1, 0, 90_000, False),  # asked just now whether it takes more
        (0, 4, 0, 41_000, True),
    ],
)
def test_what_linux_says_is_read_as_it_is_meant(
    retransmits: int, probes: int, unacked: int, silent: int, dead: bool
) -> None:
    """Cutting a server that only answers late would send the same part again and again."""
    info = struct.pack("=BBBB4x4I5I3II", 1, 0, retransmits, probes, 0, 0, 0, 0, unacked, 0, 0, 0, 0, 0, 0, 0, silent)
    assert dead_lines.is_dead_by(info) is dead


@LINUX
def test_a_line_that_dies_under_bytes_is_found_and_one_that_is_only_full_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A large upload hung for minutes after the lid was opened again."""
    monkeypatch.setattr(dead_lines, "DEAD_AFTER", 1.5)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()) as ours, listening.accept()[0] as theirs:
            ours.setblocking(False)
            with suppress(BlockingIOError):  # nobody reads
                while True:
                    ours.send(bytes(1 << 20))
            time.sleep(2.5)
            assert not dead_lines.is_dead(ours)
        with socket.create_connection(listening.getsockname()) as ours, listening.accept()[0] as theirs:
            goes_dead(theirs)
            ours.send(b"x" * 1000)
            begun = time.monotonic()
            while not dead_lines.is_dead(ours):
                assert time.monotonic() - begun < 10
                time.sleep(0.05)
            assert time.monotonic() - begun >= 1.4
