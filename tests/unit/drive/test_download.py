"""Reading files of the drive: the right bytes of the right file, or an error that says why."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from download_support import MODULUS, signed, unpacked
from drive_support import COOKIE, NOW, Scripted115, cookie_drive, form_of, ok, open_drive, run

from pan115kit.drive import CookieDrive, Drive, Entry, EntryKind
from pan115kit.drive.download import file_cookie
from pan115kit.drive.download_cipher import derive, mix, show
from pan115kit.errors import DriveError, DriveProtocolError, NetworkError, RateLimitedError, TargetError

BYTES = bytes(range(256)) * 40
MOVIE = Entry("789", "a.mkv", len(BYTES), "", "pick", "1")
CDN = "/object/a.mkv"
FILE_COOKIE = "a" * 32 + "=" + "b" * 32


def url(**query: object) -> str:
    return f"https://cdnfhnfile.115cdn.net{CDN}?" + "&".join(f"{name}={value}" for name, value in query.items())


def ranged(request: httpx.Request, data: bytes = BYTES) -> httpx.Response:
    """A host that knows ranges."""
    first, last = (int(text) for text in request.headers["range"].removeprefix("bytes=").split("-"))
    part = data[first : last + 1]
    return httpx.Response(
        206, content=part, headers={"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}
    )


class Wire:
    """One route's way to a link."""

    def __init__(self, name: str) -> None:
        self.is_cookie = name == "cookie"
        self.ask = "/files/download" if self.is_cookie else "/open/ufile/downurl"

    def server(self, address: str = url(t=int(NOW) + 3600), answer: Any = ranged) -> Scripted115:
        server = Scripted115()
        server.on(self.ask, self.link(address))
        server.on(CDN, answer)
        return server

    def link(self, address: str) -> httpx.Response:
        if self.is_cookie:
            marks = [f"{FILE_COOKIE}; Max-Age=900; path=/object", "acw_tc=mark; path=/; HttpOnly"]
            return httpx.Response(
                200,
                json={"state": True, "file_id": "789", "file_url": address},
                headers=[("Set-Cookie", mark) for mark in marks],
            )
        entry = {"file_name": "a.mkv", "file_size": len(BYTES), "pick_code": "pick", "url": {"url": address}}
        return httpx.Response(200, json=ok({"789": entry}))

    def drive(self, server: Scripted115) -> Drive:
        return cookie_drive(server) if self.is_cookie else open_drive(server)

    def read(self, server: Scripted115, start: int = 0, stop: int | None = None, entry: Entry = MOVIE) -> bytes:
        return run(self.drive(server), lambda drive: drive.open(entry).read(start, stop))

    def asked(self, server: Scripted115) -> list[httpx.Request]:
        return [request for request in server.requests if request.url.path == self.ask]

    def fetched(self, server: Scripted115) -> list[httpx.Request]:
        return [request for request in server.requests if request.url.path == CDN]


@pytest.fixture(params=["cookie", "open"])
def wire(request: pytest.FixtureRequest) -> Wire:
    return Wire(request.param)


# -- ranges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (0, 1), (5, 5), (100, 9000), (10239, 10240), (10000, 99999), (20000, None)]
)
def test_a_range_is_exactly_its_bytes(wire: Wire, start: int, stop: int | None) -> None:
    server = wire.server()
    assert wire.read(server, start, stop) == BYTES[start:stop]


def test_an_empty_file_is_read_without_asking(wire: Wire) -> None:
    """Its host answers 416."""
    server = wire.server()
    assert wire.read(server, entry=Entry("1", "empty", 0, pick_code="p")) == b""
    assert server.requests == []


def test_many_ranges_need_one_link(wire: Wire) -> None:
    """Each link asked for counts towards a daily limit."""
    server = wire.server()

    async def story(drive: Drive) -> list[bytes]:
        reader = drive.open(MOVIE)
        return [await reader.read(at, at + 10) for at in range(0, 50, 10)]

    assert b"".join(run(wire.drive(server), story)) == BYTES[:50]
    assert len(wire.asked(server)) == 1


def test_a_link_that_names_no_end_is_used_and_the_whole_file_is_the_default(wire: Wire) -> None:
    """Some links carry no ``t``."""
    server = wire.server(url(k="1"))

    async def story(drive: Drive) -> tuple[float | None, bytes]:
        return (await drive.download_link(MOVIE)).expires_at, await drive.open(MOVIE).read()

    assert run(wire.drive(server), story) == (None, BYTES)


def test_a_folder_has_no_bytes(wire: Wire) -> None:
    folder = Entry("1", "x", kind=EntryKind.FOLDER)
    with pytest.raises(TargetError, match="folder"):
        run(wire.drive(wire.server()), lambda drive: drive.open(folder).read())


# -- what the link is bound to ---------------------------------------------------------------------------------


def test_the_file_is_asked_for_by_the_very_agent_that_asked_for_the_link(wire: Wire) -> None:
    """Else 403."""
    server = wire.server()
    wire.read(server)
    assert wire.fetched(server)[0].headers["user-agent"] == wire.asked(server)[0].headers["user-agent"]


def test_the_files_host_gets_its_cookie_and_never_the_accounts() -> None:
    """A login cookie at a foreign host is a login given away; the firewall's mark is none of its business either."""
    wire = Wire("cookie")
    server = wire.server()
    wire.read(server)
    sent = wire.fetched(server)[0].headers
    assert sent["cookie"] == FILE_COOKIE
    assert not any(part in str(sent) for part in COOKIE.split("; "))


def test_the_open_route_shows_its_token_to_115_only() -> None:
    wire = Wire("open")
    server = wire.server()
    wire.read(server)
    assert "authorization" not in wire.fetched(server)[0].headers
    assert "cookie" not in wire.fetched(server)[0].headers


def test_the_pick_code_is_in_the_body() -> None:
    """In the query the call hangs."""
    wire = Wire("open")
    server = wire.server()
    wire.read(server)
    assert form_of(wire.asked(server)[0].content) == {"pick_code": "pick"}
    assert "pick" not in str(wire.asked(server)[0].url.query)


@pytest.mark.parametrize(
    ("answers", "cookie"),
    [
        ([], ""),
        (["k=v; path=/x"], "k=v"),
        (["k=v"], "k=v"),
        (["acw_tc=1; path=/"], ""),
        (["k=v; Path=/x", "other=1; path=/", "acw_tc=1"], "k=v"),
        (["a=1; path=/x", "b=2; path=/x"], "a=1; b=2"),
    ],
)
def test_the_files_cookie_is_picked_from_what_came(answers: list[str], cookie: str) -> None:
    assert file_cookie(answers) == cookie


# -- a link ends -----------------------------------------------------------------------------------------------


def test_a_link_about_to_end_is_asked_for_again(wire: Wire) -> None:
    """A film is longer than its link."""
    server = wire.server(url(t=int(NOW) + 5))
    wire.read(server)

    async def story(drive: Drive) -> None:
        reader = drive.open(MOVIE)
        await reader.read(0, 5)
        await reader.read(5, 9)

    second = wire.server(url(t=int(NOW) + 5))
    run(wire.drive(second), story)
    assert len(wire.asked(second)) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_is_over_is_replaced(wire: Wire, status: int) -> None:
    replies: list[Any] = [httpx.Response(status, text="expired"), ranged]
    server = wire.server(answer=replies)
    assert wire.read(server, 0, 50) == BYTES[:50]
    assert len(wire.asked(server)) == 2


def test_a_host_that_refuses_for_ever_is_believed(wire: Wire) -> None:
    with pytest.raises(RateLimitedError, match="refuses the link"):
        wire.read(wire.server(answer=httpx.Response(403, text="no")))


def test_a_missing_cookie_is_named_at_once(wire: Wire) -> None:
    """No retry mends that."""
    refused = httpx.Response(403, json={"status": 403, "message": "no cookie value"})
    server = wire.server(answer=refused)
    with pytest.raises(DriveError, match="cookie"):
        wire.read(server)
    assert len(wire.fetched(server)) == 1


# -- a line breaks ---------------------------------------------------------------------------------------------


class Cut(httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, data: bytes, fault: Exception | None = None) -> None:
        self.data, self.fault = data, fault

    async def __aiter__(self) -> Any:
        yield self.data
        if self.fault:
            raise self.fault


def cut(after: int, fault: Exception | None) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        whole = ranged(request)
        return httpx.Response(206, stream=Cut(whole.content[:after], fault), headers=whole.headers)

    return answer


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.RemoteProtocolError("closed"), None])
def test_a_broken_line_is_taken_up_where_it_broke(wire: Wire, fault: Exception | None) -> None:
    """Not from the beginning: it may be an hour's worth."""
    server = wire.server(answer=[cut(1000, fault), cut(1, fault), ranged])
    assert wire.read(server) == BYTES
    begins = [request.headers["range"].split("-")[0] for request in wire.fetched(server)]
    assert begins == ["bytes=0", "bytes=1000", "bytes=1001"]


@pytest.mark.parametrize(("fault", "kind"), [(httpx.ReadError("reset"), NetworkError), (None, DriveProtocolError)])
def test_a_line_that_brings_nothing_is_given_up(wire: Wire, fault: Exception | None, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        wire.read(wire.server(answer=cut(0, fault)))


def test_no_answer_is_tried_again(wire: Wire) -> None:
    server = wire.server(answer=[httpx.ConnectError("refused"), httpx.Response(503), ranged])
    assert wire.read(server) == BYTES


# -- an answer that is not what was asked for ------------------------------------------------------------------


def test_another_range_is_not_taken_for_the_one_asked_for(wire: Wire) -> None:
    """Bytes in the wrong place."""

    def elsewhere(request: httpx.Request) -> httpx.Response:
        return httpx.Response(206, content=BYTES[:10], headers={"Content-Range": f"bytes 0-9/{len(BYTES)}"})

    with pytest.raises(DriveProtocolError, match="range"):
        wire.read(wire.server(answer=elsewhere), 100, 110)


def test_a_packed_range_is_not_taken_for_plain_bytes(wire: Wire) -> None:
    """A proxy that compresses counts other bytes than the file has."""
    packed = httpx.Response(
        206, stream=Cut(b"x"), headers={"Content-Encoding": "gzip", "Content-Range": "bytes 0-0/9"}
    )
    with pytest.raises(DriveProtocolError, match="range"):
        wire.read(wire.server(answer=packed))


@pytest.mark.parametrize("headers", [{}, {"Content-Range": "bytes */5"}])
def test_a_range_that_is_not_named_is_not_believed(wire: Wire, headers: dict[str, str]) -> None:
    with pytest.raises(DriveProtocolError, match="range"):
        wire.read(wire.server(answer=httpx.Response(206, content=b"x", headers=headers)), 100, 110)


def test_a_host_without_ranges_serves_from_the_beginning_only(wire: Wire) -> None:
    whole = httpx.Response(200, content=BYTES)
    assert wire.read(wire.server(answer=whole), 0, 700) == BYTES[:700]
    with pytest.raises(DriveProtocolError, match="range"):
        wire.read(wire.server(answer=httpx.Response(200, content=BYTES)), 5, 700)


@pytest.mark.parametrize("reply", [lambda r: ranged(r, BYTES + b"x"), httpx.Response(200, content=BYTES + b"x")])
def test_another_size_is_another_file(wire: Wire, reply: Any) -> None:
    """It was replaced meanwhile: a mixture of both would look whole."""
    with pytest.raises(DriveProtocolError, match="another size"):
        wire.read(wire.server(answer=reply))


# -- 115 gives a link, or not ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["http:///x", "", "ftp://h/x", None, False])
def test_an_address_that_is_none_is_refused(wire: Wire, address: Any) -> None:
    """115 sends ``http:///…`` at times."""
    server = wire.server()
    server.on(wire.ask, wire.link(address))
    with pytest.raises((DriveProtocolError, DriveError), match=r"address|link"):
        wire.read(server)


def test_a_file_115_names_no_link_for(wire: Wire) -> None:
    server = wire.server()
    gone = ok([]) if not wire.is_cookie else {"state": False, "errno": 50015, "error": "文件不存在"}
    server.on(wire.ask, gone)
    with pytest.raises(DriveError, match="gone"):
        wire.read(server)


def test_a_censored_file_is_final_with_words_and_passing_without() -> None:
    wire = Wire("cookie")
    passing = {"state": False, "errno": 50038, "error": ""}
    server = wire.server()
    server.on(wire.ask, [passing, wire.link(url(t=int(NOW) + 99))])
    assert wire.read(server, 0, 4) == BYTES[:4]
    server = wire.server()
    server.on(wire.ask, {**passing, "error": "违规文件"})
    with pytest.raises(DriveError, match="违规文件"):
        wire.read(server)
    assert len(wire.asked(server)) == 1


def test_a_link_shows_only_its_host() -> None:
    """Whoever has the address has the file."""
    wire = Wire("cookie")
    server = wire.server(url(t=int(NOW) + 9, k="5ecret"))
    link = run(wire.drive(server), lambda drive: drive.download_link(MOVIE))
    assert repr(link) == "<DownloadLink at cdnfhnfile.115cdn.net>"
    assert link.expires_at == NOW + 9


def encrypted_link(address: str) -> Callable[[httpx.Request], dict[str, Any]]:
    """115's answer to the encrypted call: it reads the request with its private key and answers for its seed."""

    def answer(request: httpx.Request) -> dict[str, Any]:
        packed = base64.b64decode(form_of(request.content)["data"])
        message = b"".join(unpacked(packed[at : at + 128]) for at in range(0, len(packed), 128))
        seed = message[:16]
        asked = json.loads(show(message[16:], seed, bytes.fromhex("7806ad4c33865d184c013f46")))
        assert asked == {"pickcode": "pick"}
        files = {"789": {"file_name": "a.mkv", "file_size": str(len(BYTES)), "url": {"url": address}}}
        body = mix(mix(json.dumps(files).encode(), derive(seed, 4))[::-1], derive(bytes(16), 12))
        return {"state": True, "msg": "", "errno": 0, "data": signed(bytes(16) + body)}

    return answer


def big_drive(server: Scripted115) -> CookieDrive:
    drive = cookie_drive(server)
    drive._download_modulus = MODULUS
    return drive


def test_a_large_file_gets_its_link_encrypted() -> None:
    """The plain call refuses more than 200 MB."""
    server = Scripted115()
    server.on("/app/chrome/downurl", encrypted_link(url(t=int(NOW) + 99)))
    large = Entry("789", "a.mkv", 300 << 20, pick_code="pick")
    link = run(big_drive(server), lambda drive: drive.download_link(large))
    assert link.url == url(t=int(NOW) + 99)
    assert "/files/download" not in server.paths()


def test_a_file_the_plain_call_finds_too_large_is_asked_for_encrypted() -> None:
    """115 does not say whether its MB are 10^6 or 2^20 bytes; its refusal has the code in a field of its own."""
    server = Scripted115()
    server.on("/files/download", {"state": False, "msg": "文件大小超出限制，请使用115电脑端下载", "msg_code": 50028})
    server.on("/app/chrome/downurl", encrypted_link(url(t=int(NOW) + 99)))
    assert run(big_drive(server), lambda drive: drive.download_link(MOVIE)).url == url(t=int(NOW) + 99)


def test_the_firewalls_mark_is_sent_back() -> None:
    """A client that never does is blocked after half an hour."""
    server = Scripted115()
    server.on("/files/index_info", [httpx.Response(200, json=ok({}), headers={"Set-Cookie": "acw_tc=m4rk; path=/"})])
    with pytest.raises(DriveProtocolError):
        run(cookie_drive(server), lambda drive: drive.space())
    cookies = [request.headers["cookie"] for request in server.requests]
    assert cookies == [COOKIE, *[f"{COOKIE}; acw_tc=m4rk"] * (len(cookies) - 1)]
    assert len(cookies) > 1
