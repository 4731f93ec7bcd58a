"""``WS /ws/upload/progress`` over real sockets: what is told, when, and to whom."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from server_support import PATIENCE, SPEC_UPLOAD, Joined, begin, next_data, socket_url, until, uploading, ws
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed

from pan115kit.models import UploadStatus
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server, thread, websocket
from pan115kit.server.websocket import WebSocketHub, reply


def test_the_first_message_is_the_whole_list(server: Server, tracker: ProgressTracker) -> None:
    """A page that connects shows everything at once, in the specification's shape."""
    uploading(tracker, 1)
    begin(tracker, 2)
    with ws(server) as socket:
        message = json.loads(socket.recv(PATIENCE))
    assert message["type"] == "upload_progress"
    assert set(message["data"]) == {"uploads"}
    assert [upload["job_id"] for upload in message["data"]["uploads"]] == ["job-1", "job-2"]
    assert set(message["data"]["uploads"][0]) >= SPEC_UPLOAD


def test_a_change_is_told(server: Server, tracker: ProgressTracker) -> None:
    recorder = begin(tracker, 1)
    with ws(server) as socket:
        assert next_data(socket)["uploads"][0]["status"] == "pending"
        recorder.set_status(UploadStatus.SUCCESS, file_id="42")
        upload = next_data(socket)["uploads"][0]
        assert (upload["status"], upload["file_id"], upload["percentage"]) == ("success", "42", 100.0)


def test_rest_and_socket_tell_the_same(server: Server, api: httpx.Client, tracker: ProgressTracker) -> None:
    """One encoder for both: a page may mix them."""
    recorder = begin(tracker, 1)
    recorder.set_parts(1, 2)
    recorder.set_status(UploadStatus.FAILED, error_message="网盘空间不足")
    with ws(server) as socket:
        assert next_data(socket)["uploads"] == api.get("api/upload/progress").json()["uploads"]


def test_no_change_no_message(server: Server, tracker: ProgressTracker) -> None:
    """An idle page costs nothing."""
    begin(tracker, 1)
    with ws(server) as socket:
        next_data(socket)
        with pytest.raises(TimeoutError):
            socket.recv(1.2)


def test_at_most_two_messages_a_second(server: Server, tracker: ProgressTracker) -> None:
    """Thousands of changes a second reach the page every 500 ms, the last of them for certain."""
    recorder = uploading(tracker, 1, size=1_000_000)
    over = threading.Event()

    def hurry() -> None:
        done = 0
        while not over.wait(0.001):
            done = min(done + 100, 900_000)
            recorder.set_uploaded(done)
        recorder.set_status(UploadStatus.SUCCESS)

    worker = threading.Thread(target=hurry)
    begun = time.monotonic()
    worker.start()
    try:
        with ws(server) as socket:
            for _ in range(6):
                next_data(socket)
            took = time.monotonic() - begun
            assert took >= 5 * 0.5, "between six messages are five pauses"
            over.set()
            until(lambda: next_data(socket)["uploads"][0]["status"] == "success")
    finally:
        over.set()
        worker.join()


def test_many_clients_hear_the_same(server: Server, tracker: ProgressTracker) -> None:
    recorder = begin(tracker, 1)
    with ExitStack() as stack:
        sockets = [stack.enter_context(ws(server)) for _ in range(20)]
        first = {socket.recv(PATIENCE) for socket in sockets}
        recorder.set_status(UploadStatus.CANCELLED)
        second = {socket.recv(PATIENCE) for socket in sockets}
        assert (len(first), len(second)) == (1, 1)


def test_a_ping_is_answered_with_its_timestamp(server: Server) -> None:
    with ws(server) as socket:
        next_data(socket)
        socket.send('{"type":"ping","timestamp":1697654400000}')
        assert json.loads(socket.recv(PATIENCE)) == {"type": "pong", "timestamp": 1697654400000}


@pytest.mark.parametrize("stamp", ['"x"', "null", "[]", "true", "1e400", "123456789012345678901234567890"])
def test_a_ping_without_a_usable_timestamp_gets_the_servers(stamp: str) -> None:
    """The answer is always JSON that a browser reads."""
    answer = reply(f'{{"type":"ping","timestamp":{stamp}}}', 7.0)
    assert answer == {"type": "pong", "timestamp": 7000}
    assert reply('{"type":"ping"}', 7.0) == answer


@pytest.mark.parametrize("garbage", ["", "{", "[1]", '"ping"', "null", '{"type":"no"}', "[" * 20_000, b"\x00\x01"])
def test_garbage_does_not_end_the_connection(server: Server, garbage: str | bytes) -> None:
    with ws(server) as socket:
        next_data(socket)
        socket.send(garbage)
        socket.send('{"type":"ping","timestamp":2}')
        messages = [json.loads(socket.recv(PATIENCE))]
        if messages[0]["type"] == "error":
            messages.append(json.loads(socket.recv(PATIENCE)))
        assert messages[-1] == {"type": "pong", "timestamp": 2}


BROKEN = {
    "an unknown opcode": (b"\x83\x80\0\0\0\0", 1002),
    "no mask": (b"\x81\x02ab", 1002),
    "no UTF-8": (b"\x81\x82\0\0\0\0\xff\xfe", 1007),
    "no UTF-8 in two pieces": (b"\x01\x82\0\0\0\0ab\x80\x82\0\0\0\0\xff\xff", 1007),
    "a reserved bit": (b"\xf1\x80\0\0\0\0", 1002),
    "nine exabytes": (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_frame_ends_its_connection_without_a_traceback(
    server: Server, tracker: ProgressTracker, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else's mistake must not fill the notebook with what looks like one of ours."""
    frame, code = BROKEN[what]
    with sleeper(server) as raw:
        until(lambda: server_hub(server).clients == 1)
        raw.sendall(frame)
        assert close_code_of(raw) == code
    until(lambda: server_hub(server).clients == 0)
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []


def test_ten_thousand_uploads_come_in_pages_then_in_changes(server: Server, tracker: ProgressTracker) -> None:
    """A big batch must not be sent whole twice a second."""
    recorders = [begin(tracker, number) for number in range(10_000)]
    joined, sizes = Joined(), []
    with ws(server) as socket:
        for _ in range(50):
            message = socket.recv(PATIENCE)
            sizes.append(len(message))
            joined.take(message)
        assert len(joined.uploads) == 10_000
        assert max(sizes) < 200_000
        recorders[77].set_status(UploadStatus.SUCCESS)
        message = socket.recv(PATIENCE)
        assert len(message) < 2000
        assert json.loads(message)["data"]["partial"] is True
        joined.take(message)
        assert joined.uploads["job-77"]["status"] == "success"
        tracker.forget("job-78")
        joined.take(socket.recv(PATIENCE))
        assert "job-78" not in joined.uploads


def test_a_list_that_outgrows_one_message_is_followed(server: Server, tracker: ProgressTracker) -> None:
    """A client of the whole list is told the rest when the list gets long."""
    for number in range(150):
        begin(tracker, number)
    joined = Joined()
    with ws(server) as socket:
        joined.take(socket.recv(PATIENCE))
        for number in range(150, 450):
            begin(tracker, number)
        while len(joined.uploads) < 450:
            joined.take(socket.recv(PATIENCE))


def test_names_that_are_no_unicode_do_not_break_the_list(server: Server, tracker: ProgressTracker) -> None:
    """One odd file name must not silence the page."""
    tracker.open("odd", "/data/\udcff.bin", "\udcff.bin", 1)
    begin(tracker, 1)
    with ws(server) as socket:
        assert [upload["job_id"] for upload in next_data(socket)["uploads"]] == ["odd", "job-1"]


# -- slow clients --------------------------------------------------------------------------------------------------


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every client so far.  The first is given up after a moment; the others, and the good-bye, have all the time."""
    made: list[object] = []

    class Client(websocket._Client):
        def __init__(self, socket: WebSocket, patience: float) -> None:
            super().__init__(socket, PATIENCE if made else 0.5)
            made.append(self)

    monkeypatch.setattr(websocket, "_Client", Client)
    monkeypatch.setattr(websocket, "CLOSE_PATIENCE", 10 * PATIENCE)
    monkeypatch.setattr(thread, "_USER_TIMEOUT", int(10 * PATIENCE * 1000))
    return made


def sleeper(server: Server) -> socket.socket:
    """A client that opens a WebSocket and then reads nothing."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", server.port))
    path = socket_url(server).partition(str(server.port))[2]
    raw.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return raw


def close_code_of(raw: socket.socket) -> int | None:
    """Read on until the server says good-bye; with which code."""
    found = b""
    while (code := close_code(found)) is None and (chunk := raw.recv(1 << 20)):
        found += chunk
    return code


def test_a_client_that_does_not_read_is_closed_with_1013_and_others_feel_nothing(
    start: Callable[..., Server], tracker: ProgressTracker, attended: list[object]
) -> None:
    """One sleeping laptop must not fill the server's memory nor hold up the others."""
    for number in range(10_000):  # some six megabytes: more than any socket buffer takes
        begin(tracker, number)
    recorder = uploading(tracker, 10_000)
    server = start()
    with sleeper(server) as slow:
        until(lambda: attended)
        with ws(server) as good:
            joined = Joined()
            until(lambda: joined.take(good.recv(PATIENCE)) or len(joined.uploads) > 10_000)
            until(lambda: attended[0] not in server_hub(server)._clients, "the slow one to be given up")
            recorder.set_status(UploadStatus.SUCCESS)
            until(lambda: joined.take(good.recv(PATIENCE)) or joined.uploads["job-10000"]["status"] == "success")
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # it wakes up
        assert close_code_of(slow) == 1013


def close_code(stream: bytes) -> int | None:
    """The code of the close frame at the end of what a server sent (RFC 6455 §5.2: unmasked, short)."""
    frames = stream.partition(b"\r\n\r\n")[2]
    place = 0
    while place + 2 <= len(frames):
        kind, size = frames[place] & 0x0F, frames[place + 1]
        place += 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size = int.from_bytes(frames[place : place + width], "big")
            place += width
        if kind == 8:
            return int.from_bytes(frames[place : place + 2], "big")
        place += size
    return None


def server_hub(server: Server) -> WebSocketHub:
    """The hub behind a running server."""
    found: WebSocketHub = server.app.state.hub
    return found


def test_too_many_clients_are_turned_away_with_1013(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runaway script cannot take the server down; it is told to come back later."""
    server = start()
    monkeypatch.setattr(server_hub(server), "_max_clients", 2)
    with ws(server) as first, ws(server) as second:
        next_data(first)
        next_data(second)
        with ws(server) as third, pytest.raises(ConnectionClosed) as told:
            third.recv(PATIENCE)
        assert told.value.rcvd is not None
        assert told.value.rcvd.code == 1013


def test_clients_that_vanish_are_forgotten(server: Server, tracker: ProgressTracker) -> None:
    """Closed tabs leave nothing behind, whether they say good-bye or not."""
    begin(tracker, 1)
    hub = server_hub(server)
    with ws(server), sleeper(server):
        until(lambda: hub.clients == 2)
    until(lambda: hub.clients == 0)
    until(lambda: hub._looker is not None and hub._looker.done(), "nobody looks when nobody is there")


def test_who_comes_back_gets_the_list_as_it_is_now(server: Server, tracker: ProgressTracker) -> None:
    """While nobody was connected nobody looked; the next one still sees the truth."""
    recorder = begin(tracker, 1)
    with ws(server) as socket:
        next_data(socket)
    until(lambda: server_hub(server).clients == 0)
    recorder.set_status(UploadStatus.CANCELLED)
    begin(tracker, 2)
    with ws(server) as socket:
        first = next_data(socket)
        if len(first["uploads"]) == 1:  # within 500 ms of the last message: the truth comes as the next one
            first = next_data(socket)
    assert [upload["status"] for upload in first["uploads"]] == ["cancelled", "pending"]


def test_stopping_the_server_ends_every_connection(start: Callable[..., Server]) -> None:
    """``server.stop()`` does not hang on an open page."""
    server = start()
    with ws(server) as socket:
        next_data(socket)
        server.stop()  # gives up waiting for its thread after some seconds: it is running still if that hangs
        assert not server.running
        with pytest.raises(ConnectionClosed) as told:
            socket.recv(PATIENCE)
    assert told.value.rcvd is not None
    assert told.value.rcvd.code == 1012
