"""Every way to fail, over real sockets; and the controls around it: dials, log, page, process, restart."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import oss2
import pytest
from sandbox_support import (
    PART,
    CookiePeer,
    OpenPeer,
    callback_headers,
    eventually,
    md5,
    random_bytes,
    said,
    send_parts,
    sha1,
    signed_headers,
    upload,
)

from pan115kit.errors import ConfigError
from pan115kit.i18n import catalogue
from pan115kit.sandbox import ROUTES, FaultKind, Sandbox
from pan115kit.sandbox.call import Pacer

KEY = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.fixture
def begun(peer: OpenPeer) -> tuple[str, dict[str, str]]:
    """A sequential upload, and the headers of its part 1."""
    upload_id = peer.bucket().init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    resource = f"/fhnfile/{KEY}?partNumber=1&uploadId={upload_id}"
    return peer.sandbox.endpoint + resource, signed_headers(peer.keys(), "PUT", resource)


def stored(sandbox: Sandbox) -> list[int]:
    return [p.number for u in sandbox.uploads() for p in u.parts]


# -- kinds


def test_status_on_oss_and_on_115(peer: OpenPeer, begun: tuple[str, dict[str, str]]) -> None:
    """503 and 429 in the shape of each host; nothing is done."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "status", status=503)
    reply = httpx.put(url, content=b"x" * PART, headers=headers)
    assert (reply.status_code, "<Code>ServiceUnavailable</Code>" in reply.text) == (503, True)
    assert stored(peer.sandbox) == []
    assert httpx.put(url, content=b"x" * PART, headers=headers).status_code == 200
    peer.sandbox.fault("open_init", "status", status=429, code=770004, headers={"X-RateLimit-Reset": 7})
    limited = peer.http.post(f"{peer.sandbox.endpoint}/open/upload/init")
    assert (limited.status_code, limited.json()["code"], limited.headers["X-RateLimit-Reset"]) == (429, 770004, "7")


@pytest.mark.parametrize(("kind", "parts"), [("reset_before", []), ("reset_after", [1])])
def test_a_reset_before_or_after_the_part_is_stored(
    peer: OpenPeer, begun: tuple[str, dict[str, str]], kind: str, parts: list[int]
) -> None:
    """The lost reply, whose retry gives 409 at 115, could not be rehearsed (protocol §4.7)."""
    url, headers = begun
    peer.sandbox.fault("upload_part", kind)
    with pytest.raises(httpx.TransportError):
        httpx.put(url, content=b"x" * PART, headers=headers)
    assert stored(peer.sandbox) == parts
    again = httpx.put(url, content=b"x" * PART, headers=headers)
    assert again.status_code == (409 if parts else 200)


def test_a_reset_is_a_tcp_rst(peer: OpenPeer, begun: tuple[str, dict[str, str]]) -> None:
    """A polite close would test another path of the client."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "reset_before")
    host, port = peer.sandbox.endpoint.removeprefix("http://").split(":")
    head = f"PUT {url.removeprefix(peer.sandbox.endpoint)} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
    with socket.create_connection((host, int(port)), timeout=120) as line:
        line.sendall((head + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode())
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_a_reset_in_the_middle_of_a_part(peer: OpenPeer, begun: tuple[str, dict[str, str]]) -> None:
    """A line that breaks inside a part could not be rehearsed."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "reset_before", after_bytes=PART)
    with pytest.raises(httpx.TransportError):
        httpx.put(url, content=b"x" * 20 * PART, headers=headers)
    assert stored(peer.sandbox) == []
    assert peer.sandbox.requests[-1].received >= PART


@pytest.mark.parametrize(
    ("details", "before_release"),
    [({"when": "before"}, []), ({"when": "before", "after_bytes": 1000}, []), ({"when": "after"}, [1])],
)
def test_a_stall_ends_with_release(
    peer: OpenPeer, begun: tuple[str, dict[str, str]], details: dict[str, Any], before_release: list[int]
) -> None:
    """A stuck socket would stay stuck, or not be stuck at all."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "stall", **details)
    statuses: list[int] = []
    thread = threading.Thread(
        target=lambda: statuses.append(httpx.put(url, content=b"x" * PART, headers=headers, timeout=120).status_code)
    )
    thread.start()
    eventually(lambda: peer.sandbox.stalled == 1)
    assert (statuses, stored(peer.sandbox)) == ([], before_release)
    peer.sandbox.release()
    thread.join()
    assert (statuses, stored(peer.sandbox)) == ([200], [1])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("released", [False, True])
def test_a_stall_ends_when_the_client_leaves(
    peer: OpenPeer, begun: tuple[str, dict[str, str]], when: str, released: bool
) -> None:
    """Stalled requests would pile up in a long-lived sandbox, or be carried out behind their client's back."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "stall", when=when)
    host, port = peer.sandbox.endpoint.removeprefix("http://").split(":")
    head = f"PUT {url.removeprefix(peer.sandbox.endpoint)} HTTP/1.1\r\nHost: x\r\nContent-Length: {PART}\r\n"
    with socket.create_connection((host, int(port)), timeout=120) as line:
        line.sendall((head + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode() + b"x" * PART)
        eventually(lambda: peer.sandbox.stalled == 1)
    if released:
        peer.sandbox.release()
    eventually(lambda: peer.sandbox.requests[-1].seconds > 0 and peer.sandbox.stalled == 0)
    assert peer.sandbox.requests[-1].route == "upload_part"
    assert stored(peer.sandbox) == ([1] if when == "after" else [])


def test_the_sandbox_stops_in_the_middle_of_a_stall(
    begun: tuple[str, dict[str, str]], peer: OpenPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test with a stalled request would hang at its end."""
    monkeypatch.setattr("pan115kit.sandbox.asgi._CLOSE_TIMEOUT", 3600)  # it is not this that ends it
    url, headers = begun
    peer.sandbox.fault("upload_part", "stall", times=None)
    failures: list[str] = []

    def put() -> None:
        try:
            httpx.put(url, content=b"x" * PART, headers=headers, timeout=3600)
        except httpx.TransportError as error:
            failures.append(type(error).__name__)

    thread = threading.Thread(target=put)
    thread.start()
    eventually(lambda: peer.sandbox.stalled == 1)
    peer.sandbox.stop()
    thread.join()
    assert len(failures) == 1


def test_truncated_json(peer: OpenPeer) -> None:
    """A cut answer is not JSON, though HTTP says it is whole."""
    peer.sandbox.fault("open_init", "truncated_json")
    with pytest.raises(json.JSONDecodeError):
        peer.ask("a", b"abc")
    assert peer.ask("a", b"abc")["state"] is True


def test_the_405_page_of_the_firewall(peer: OpenPeer) -> None:
    """HTML where JSON is expected (protocol §7)."""
    with CookiePeer(peer.sandbox) as cookie:
        peer.sandbox.fault("files", "html_405")
        reply = cookie.http.get(f"{peer.sandbox.endpoint}/files")
        assert (reply.status_code, "errors.aliyun.com" in reply.text) == (405, True)
        assert cookie.get("/files")["state"] is True


def test_state_false_everywhere(peer: OpenPeer) -> None:
    """115's own refusals, in each endpoint's shape: HTTP 200 and a code."""
    box = peer.sandbox
    box.fault("open_init", "state_false", code=770004, message="已达到当前访问上限")
    answer = peer.ask("a", b"abc")
    assert (answer["state"], answer["code"], answer["message"]) == (False, 770004, "已达到当前访问上限")
    with CookiePeer(box) as cookie:
        box.fault("files_add", "state_false", code=911, message="请验证账号")
        assert cookie.post("/files/add", pid="0", cname="x")["errno"] == 911
        box.fault("gettoken", "state_false", code=400, message="Throttling.User")
        assert cookie.get("/3.0/gettoken.php") == {
            "StatusCode": "400",
            "ErrorCode": "400",
            "ErrorMessage": "Throttling.User",
        }
        box.fault("initupload", "state_false", code=911, message="请验证账号")
        found = cookie.send(cookie.form("a", b"abc"))  # encrypted as every answer of initupload
        assert (found["state"], found["errno"], found["statuscode"]) == (False, 911, 911)
    assert box.files(folders=True) == []


def test_state_false_at_the_end(peer: OpenPeer) -> None:
    """115 may refuse after the last byte; the object stays in OSS."""
    answer = peer.init("a", b"abc")
    peer.sandbox.fault("put_object", "state_false", code=10002, message="校验文件失败")
    reply = said(peer.bucket().put_object(answer["object"], b"abc", headers=callback_headers(answer)))
    assert reply == {"state": False, "code": 10002, "message": "校验文件失败"}
    assert peer.bucket().get_object(answer["object"]).read() == b"abc"
    assert peer.sandbox.files() == []


@pytest.mark.parametrize("told", [False, True])
def test_callback_203_and_whether_115_was_told(peer: OpenPeer, told: bool) -> None:
    """After a 203 the file may or may not be in the drive: a client must look (protocol §4.7)."""
    data = random_bytes(2 * PART)
    answer = peer.init("a", data)
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, answer["object"], data)
    peer.sandbox.fault("complete", "callback_203", told=told)
    result = bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    assert (result.status, b"CallbackFailed" in result.resp.read()) == (203, True)
    assert len(peer.sandbox.files()) == int(told)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.list_parts(answer["object"], upload_id)


@pytest.mark.parametrize("route", ["upload_part", "put_object"])
def test_a_wrong_crc_is_noticed_by_oss2(peer: OpenPeer, route: str) -> None:
    """A client's CRC check could not be tested."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    peer.sandbox.fault(route, "wrong_crc")
    calls = {
        "upload_part": lambda: bucket.upload_part(KEY, upload_id, 1, b"x"),
        "put_object": lambda: bucket.put_object(KEY, b"x"),
    }
    with pytest.raises(oss2.exceptions.InconsistentError):
        calls[route]()


def test_keys_that_die_on_the_way(peer: OpenPeer, begun: tuple[str, dict[str, str]]) -> None:
    """The hour could end only by waiting an hour."""
    url, headers = begun
    peer.sandbox.fault("upload_part", "expire_sts")
    reply = httpx.put(url, content=b"x", headers=headers)
    assert (reply.status_code, "<Code>SecurityTokenExpired</Code>" in reply.text) == (403, True)


def test_slow(peer: OpenPeer) -> None:
    """A server that thinks before it answers."""
    peer.sandbox.fault("open_init", "slow", seconds=0.3)
    start = time.monotonic()
    assert peer.ask("a", b"abc")["state"] is True
    assert time.monotonic() - start >= 0.3


# -- installing


def test_times_and_after(peer: OpenPeer) -> None:
    """A fault in the third part could not be placed there."""
    peer.sandbox.fault("open_user_info", "state_false", times=2, after=1, code=7)
    codes = [peer.call("GET", "/open/user/info")["code"] for _ in range(5)]
    assert codes == [0, 7, 7, 0, 0]
    peer.sandbox.fault("open_user_info", "state_false", times=None, code=8)
    assert [peer.call("GET", "/open/user/info")["code"] for _ in range(3)] == [8, 8, 8]
    peer.sandbox.clear_faults()
    assert peer.call("GET", "/open/user/info")["code"] == 0


@pytest.mark.parametrize(
    ("route", "kind", "details"),
    [
        ("nowhere", "slow", {}),
        ("files", "explode", {}),
        ("files", "slow", {"minutes": 1}),
        ("files", "callback_203", {}),
        ("files", "wrong_crc", {}),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(
    sandbox: Sandbox, route: str, kind: str, details: dict[str, Any]
) -> None:
    """A misspelt fault would never fire, and its test would always pass."""
    with pytest.raises(ConfigError):
        sandbox.fault(route, kind, **details)


def test_every_route_has_its_endpoint(sandbox: Sandbox) -> None:
    """A name in ROUTES that nothing serves: a fault on it would never fire."""
    from pan115kit.sandbox.faults import DRIVE_ROUTES, OSS_ROUTES

    app = sandbox._server._app  # type: ignore[union-attr]
    assert {name for _, _, name, _ in app._endpoints} == set(DRIVE_ROUTES)  # type: ignore[union-attr]
    assert set(sandbox._services.oss._handlers) == set(OSS_ROUTES)
    titled = {key.removeprefix("sandbox.route.") for key in catalogue("en") if key.startswith("sandbox.route.")}
    assert titled == set(ROUTES)
    assert len(FaultKind) == 12


# -- dials


def test_bandwidth_and_latency(peer: OpenPeer) -> None:
    """A slow line could not be shown."""
    peer.sandbox.set(bandwidth=1_000_000)
    start = time.monotonic()
    peer.bucket().put_object(KEY, bytes(400_000))
    assert time.monotonic() - start >= 0.4
    pacer = Pacer()
    assert [pacer.delay(400_000, 1_000_000, now=5.0) for _ in range(2)] == pytest.approx([0.4, 0.8])  # and no more
    peer.sandbox.set(bandwidth=None, latency_ms=200)
    start = time.monotonic()
    peer.call("GET", "/open/user/info")
    assert time.monotonic() - start >= 0.2
    with pytest.raises(ConfigError):
        peer.sandbox.set(bandwith=1)
    with pytest.raises(ConfigError):
        Sandbox(speed=1)


# -- looking


def test_the_log_tells_the_story_without_secrets(peer: OpenPeer) -> None:
    """One look would not show how 115 works, or would show keys."""
    data = random_bytes((1 << 20) + 5)
    upload(peer, "电影.mkv", data)
    text = peer.sandbox.log_text()
    for word in ("open_init", "电影.mkv", "status 7", "initiate", "part 11 of", "complete", "/电影.mkv"):
        assert word in text
    page = httpx.get(f"{peer.sandbox.endpoint}/sandbox/").text
    records = httpx.get(f"{peer.sandbox.endpoint}/sandbox/requests").text
    keys = peer.keys()
    secrets = [peer.sandbox.access_token, peer.sandbox.refresh_token, keys["AccessKeySecret"], keys["SecurityToken"]]
    secrets += [c.partition("=")[2] for c in peer.sandbox.cookie.split("; ")]
    for secret in secrets:
        assert secret not in text + page + records + repr(peer.sandbox) + repr(peer.sandbox.requests)
    assert peer.sandbox.count("upload_part") == 11
    peer.sandbox.clear_requests()
    assert (peer.sandbox.count("upload_part"), peer.sandbox.requests) == (0, [])


def test_the_page_escapes_names(peer: OpenPeer) -> None:
    """A file name would run as script in the page."""
    evil = "<img src=x onerror=alert(1)>.bin"
    data = random_bytes(PART)
    upload(peer, evil, data)
    answer = peer.init("<b>half.bin", data + b"x")
    send_parts(peer.bucket(), answer["object"], data)
    page = httpx.get(f"{peer.sandbox.endpoint}/sandbox/").text
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert "&lt;b&gt;half.bin" in page
    half = peer.sandbox.uploads()[0]
    assert (half.name, half.expected, half.stored, half.parts[0].etag) == ("<b>half.bin", PART + 1, PART, md5(data))


def test_control_over_http(peer: OpenPeer) -> None:
    """Another process could not steer the sandbox."""
    at = f"{peer.sandbox.endpoint}/sandbox/"
    made = httpx.post(at + "faults", json={"route": "open_user_info", "kind": "state_false", "code": 5})
    assert made.json()["ok"] is True
    assert peer.call("GET", "/open/user/info")["code"] == 5
    assert httpx.post(at + "faults", json={"route": "x", "kind": "slow"}).status_code == 400
    assert httpx.post(at + "set", json={"sts_life": 1}).status_code == 200
    assert httpx.post(at + "faults", content=b"{}").status_code == 415  # what a foreign page could send
    assert httpx.post(at + "expire_access_token", json={}).status_code == 200
    assert peer.call("GET", "/open/user/info")["code"] == 40140125
    peer.sandbox.put("/a/b.txt", b"1")
    assert [f["path"] for f in httpx.get(at + "files").json()] == ["/a", "/a/b.txt"]
    assert httpx.get(at + "nothing").status_code == 404


def test_unknown_addresses(sandbox: Sandbox) -> None:
    """A typo in a client's address would look like success."""
    reply = httpx.get(f"{sandbox.endpoint}/files/get_upload_info")
    assert (reply.status_code, reply.json()["state"]) == (404, False)


# -- life


def test_sync_and_async_and_after_the_end() -> None:
    """Either kind of code could not use it, or a stopped sandbox would answer."""

    async def story() -> str:
        async with Sandbox() as sandbox, httpx.AsyncClient() as http:
            assert (await http.get(f"{sandbox.endpoint}/3.0/getuploadinfo.php")).status_code == 200
            return sandbox.endpoint

    endpoint = asyncio.run(story())
    with pytest.raises(httpx.ConnectError):
        httpx.get(endpoint)
    with pytest.raises(ConfigError):
        _ = Sandbox().endpoint


def test_an_upload_goes_on_after_the_sandbox_died(peer: OpenPeer) -> None:
    """A crash of the server could not be rehearsed: parts, pick code and SHA-1 so far must survive it."""
    data = random_bytes(5 * PART)
    answer = peer.init("a.bin", data)
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, answer["object"], data[: 3 * PART])
    before = peer.sandbox.credentials
    peer.sandbox.restart()
    assert peer.sandbox.credentials == before
    listed = bucket.list_parts(answer["object"], upload_id).parts
    assert [(p.part_number, p.etag) for p in listed] == [(p.part_number, p.etag) for p in parts]
    for number in (4, 5):
        piece = data[(number - 1) * PART : number * PART]
        result = bucket.upload_part(answer["object"], upload_id, number, piece)
        parts.append(oss2.models.PartInfo(number, result.etag))
    reply = said(
        bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    )
    assert reply["data"]["sha1"] == sha1(data)
    assert peer.sandbox.sha1("/a.bin") == sha1(data)


def test_leftovers_of_a_death_are_cleaned(tmp_path: Path) -> None:
    """Half-received parts of a killed sandbox would fill the disk."""
    with Sandbox(tmp_path) as sandbox:
        sandbox.put("/a", b"keep")
        (tmp_path / "blobs" / "orphan").write_bytes(b"half a part")
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.read("/a") == b"keep"
        assert len(list((tmp_path / "blobs").iterdir())) == 1


def test_a_data_directory_of_yesterday_starts_with_a_living_token(tmp_path: Path) -> None:
    """The printed access token would be dead after two hours, though nobody asked for that."""
    with Sandbox(tmp_path, access_token_life=0.001) as sandbox:
        old = sandbox.access_token
        with OpenPeer(sandbox) as peer:
            eventually(lambda: peer.call("GET", "/open/user/info")["code"] == 40140125)
    with Sandbox(tmp_path) as sandbox, OpenPeer(sandbox) as peer:
        assert sandbox.access_token != old
        assert peer.call("GET", "/open/user/info")["state"] is True
        sandbox.expire_access_token()
        sandbox.restart()
        assert peer.call("GET", "/open/user/info")["code"] == 40140125


def test_the_command(tmp_path: Path) -> None:
    """``python -m pan115kit.sandbox`` prints one JSON line, serves, keeps its state, and ends on SIGTERM."""

    def run(port: int) -> tuple[subprocess.Popen[str], dict[str, str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "pan115kit.sandbox", "--port", str(port), "--data-dir", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    def end(process: subprocess.Popen[str]) -> str:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        return rest

    process, first = run(0)
    assert set(first) == {"endpoint", "cookie", "access_token", "refresh_token", "ecdh_public_key"}
    assert len(bytes.fromhex(first["ecdh_public_key"])) == 56
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    made = httpx.post(f"{first['endpoint']}/open/folder/add", data={"pid": "0", "file_name": "x"}, headers=headers)
    assert made.json()["state"] is True
    assert end(process) == ""  # stdout carries the one line and nothing else
    process, second = run(int(first["endpoint"].rpartition(":")[2]))
    assert second == first
    files = httpx.get(f"{second['endpoint']}/sandbox/files").json()
    assert [f["path"] for f in files] == ["/x"]
    end(process)


def test_a_missing_server_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ImportError would not tell the user about pan115kit[server]."""
    monkeypatch.delitem(sys.modules, "pan115kit.sandbox.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigError, match=r"pan115kit\[server\]"):
        Sandbox().start()


def test_a_taken_port_is_an_error(sandbox: Sandbox) -> None:
    """The second sandbox on a port would seem to run."""
    port = int(sandbox.endpoint.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=port).start()
