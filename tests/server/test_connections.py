"""Whoever reaches the port without the token can neither fill the memory nor use up the descriptors."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server_support import PATIENCE, ask, bearer, http, next_data, until, ws

from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server, connections, thread
from pan115kit.server.connections import MAX_CONNECTIONS, connection_limit

HALF = b"GET /api/upload/progress HTTP/1.1\r\nHost: 127.0.0.1"


def connect(server: Server, data: bytes = b"") -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    raw.sendall(data)
    return raw


def rest_of(raw: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := raw.recv(1 << 16):
            found += chunk
    return found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.4)
    monkeypatch.setattr(connections, "DRAIN_PATIENCE", 0.4)


@pytest.fixture
def small(start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with room for eight connections."""
    monkeypatch.setattr(thread, "connection_limit", lambda: 8)
    return start()


@pytest.mark.parametrize(("data", "answer"), [(HALF, b"HTTP/1.1 408"), (b"", b""), (b"\r\n\r\n", b"")])
def test_who_sends_half_a_request_or_nothing_is_dropped(
    impatient: None, server: Server, data: bytes, answer: bytes
) -> None:
    """Else every such connection would hold a descriptor for as long as its other end likes."""
    with connect(server, data) as raw:
        assert rest_of(raw).startswith(answer)


def test_a_byte_now_and_then_does_not_extend_the_time(impatient: None, server: Server) -> None:
    """The classic way to hold connections open: a header that never ends."""
    begun = time.monotonic()
    with connect(server, HALF) as raw, contextlib.suppress(OSError):
        while time.monotonic() - begun < PATIENCE:
            raw.sendall(b"x")
            raw.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                if raw.recv(100):
                    break
    assert time.monotonic() - begun < PATIENCE / 2


def test_the_second_request_of_a_connection_has_a_time_limit_too(impatient: None, server: Server) -> None:
    whole = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    with connect(server, whole) as raw:
        until(lambda: b"</html>" in raw.recv(1 << 16))
        raw.sendall(HALF)
        assert rest_of(raw).startswith(b"HTTP/1.1 408")


def test_the_body_of_a_refused_request_is_not_awaited_for_ever(impatient: None, server: Server) -> None:
    """Without the token a body of any length would keep its connection."""
    head = f"POST /api/upload HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\ncontent-length: 1000000\r\n\r\n"
    with connect(server, head.encode() + b"x") as raw:
        assert rest_of(raw).startswith(b"HTTP/1.1 401")


def test_slow_but_whole_requests_are_answered(server: Server) -> None:
    """A request in three pieces is what a bad line makes of it."""
    head = (
        f"GET /api/upload/progress HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}"
    )
    with connect(server) as raw:
        for piece in (head[:30], head[30:], "\r\n\r\n"):
            raw.sendall(piece.encode())
            time.sleep(0.1)
        assert raw.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_an_endless_header_is_cut_off_early(server: Server) -> None:
    """100 MB of header were read before the token was looked at."""
    sent = 0
    with connect(server, HALF) as raw, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for _ in range(100):
            raw.sendall(b"x" * (1 << 20))
            sent += 1 << 20
    assert sent < 20 << 20, "the kernel's buffers may take some megabytes, the server must not"


@pytest.mark.parametrize("head", ["GET /api/upload/about HTTP/1.1\r\ncookie: {large}", "GET /?{large} HTTP/1.1"])
def test_a_large_head_is_431_also_with_the_token(server: Server, head: str) -> None:
    """Its own answer, so that the sender of a large cookie knows what to shorten."""
    whole = head.format(large="x" * 100_000) + f"\r\nhost: 127.0.0.1\r\nauthorization: Bearer {server.token}\r\n\r\n"
    with connect(server) as raw:
        with contextlib.suppress(ConnectionError):
            raw.sendall(whole.encode())
        assert raw.recv(1000).startswith(b"HTTP/1.1 431")
    assert ask("GET", server.url).status_code == 200


def test_a_long_path_is_no_large_head(server: Server, tracker: ProgressTracker) -> None:
    """The longest path a system allows, every byte of it escaped."""
    path = "/" + "%E5%BD%B1" * 1365
    answer = ask("GET", f"{server.url}api/upload/progress/{path}", headers=bearer(server))
    assert answer.status_code == 404


def test_at_the_limit_the_longest_waiting_gives_way(small: Server) -> None:
    """Half requests of somebody else do not lock the user out."""
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(connect(small, HALF)) for _ in range(30)]
        with http(small) as api:
            assert api.get("api/upload/progress").status_code == 200
        assert rest_of(halves[0]) == b""
        halves[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            halves[-1].recv(1)


def test_at_the_limit_open_sockets_stay_and_newcomers_are_closed(small: Server) -> None:
    """The user's open pages go on, whoever knocks."""
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(ws(small)) for _ in range(8)]
        for page in pages:
            next_data(page)
        with connect(small, HALF) as newcomer:
            assert rest_of(newcomer) == b""
        for page in pages:
            page.send('{"type":"ping","timestamp":1}')
            assert json.loads(page.recv(PATIENCE))["type"] == "pong"


def test_the_limit_leaves_descriptors_for_the_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, connections to 115 and OSS and the store need some, too."""
    for descriptors, expected in ((256, 128), (1024, 512), (1 << 20, MAX_CONNECTIONS), (20, 16)):
        monkeypatch.setattr(connections, "_descriptors", lambda found=descriptors: found)
        assert connection_limit() == expected


# -- a process with few descriptors, attacked while it uploads ------------------------------------------------------

ATTACKED = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (192, 192))
from pan115kit import Pan115Client, UploadConfig
with open("big.bin", "wb") as file:
    file.write(os.urandom(3_000_000))
config = UploadConfig(part_size=200 * 1024, multipart_threshold=400 * 1024, api_rate=0, retries=0)
with Pan115Client.sandbox(config=config) as client, client.serve(roots=[os.getcwd()]) as server:
    print(json.dumps({"port": server.port}), flush=True)
    sys.stdin.readline()
    result = client.upload("big.bin", "/x", progress="none", check=False)
    print(json.dumps({"success": result["success"], "why": result["error_message"]}), flush=True)
"""


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", ATTACKED], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield child
    child.kill()
    child.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of descriptors that could be set")
def test_an_upload_does_not_fail_for_want_of_a_socket_of_the_servers(attacked: subprocess.Popen[str]) -> None:
    """1,100 half requests used up the descriptors of the process, and all running uploads failed."""
    assert attacked.stdin is not None
    assert attacked.stdout is not None
    port = json.loads(attacked.stdout.readline())["port"]
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            with contextlib.suppress(ConnectionError):
                raw.sendall(HALF)
        attacked.stdin.write("go\n")
        attacked.stdin.flush()
        assert json.loads(attacked.stdout.readline()) == {"success": True, "why": None}
