"""Download links and the host behind them, trap by trap (protocol-drive.md D3)."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_support import CookiePeer, OpenPeer, eventually, random_bytes, sha1

from pan115kit.drive.download_cipher import EXPONENT, derive, hide, mix
from pan115kit.sandbox import Sandbox
from pan115kit.sandbox.drive.links import ByteRange, requested_range
from pan115kit.sandbox.drive.m115 import M115Key, reply_buffer

AGENT = "a reader/1.0"
CLIENT_KEY = bytes.fromhex("7806ad4c33865d184c013f46")


def m115_request(plain: dict[str, str], modulus: int, key: bytes) -> str:
    """The client's end, as D3.2 describes it: padding is constant 02."""
    text = json.dumps(plain).encode()
    buffer = key + mix(mix(text, derive(key, 4))[::-1], CLIENT_KEY)
    body = b""
    for start in range(0, len(buffer), 117):
        block = buffer[start : start + 117]
        padded = b"\x00" + b"\x02" * (126 - len(block)) + b"\x00" + block
        body += pow(int.from_bytes(padded, "big"), EXPONENT, modulus).to_bytes(128, "big")
    return base64.b64encode(body).decode()


def m115_reply(data: str, modulus: int, key: bytes) -> Any:
    body, buffer = base64.b64decode(data), b""
    for start in range(0, len(body), 128):
        number = pow(int.from_bytes(body[start : start + 128], "big"), EXPONENT, modulus)
        plain = number.to_bytes(128, "big")
        buffer += plain[plain.index(b"\x00", 1) + 1 :]
    return json.loads(mix(mix(buffer[16:], derive(buffer[:16], 12))[::-1], derive(key, 4)))


class Reader:
    """Asks for links and opens them, as a client of either route does."""

    def __init__(self, cookie: CookiePeer, peer: OpenPeer) -> None:
        self.cookie, self.peer, self.box = cookie, peer, cookie.sandbox
        self.cdn = httpx.Client(trust_env=False, timeout=60)

    def open_link(self, pick_code: str, agent: str = AGENT) -> str:
        headers = {"Authorization": f"Bearer {self.box.access_token}", "User-Agent": agent}
        form = {"pick_code": pick_code}
        reply = self.cdn.post(f"{self.box.endpoint}/open/ufile/downurl", data=form, headers=headers).json()
        (entry,) = reply["data"].values()
        url: str = entry["url"]["url"]
        return url

    def web_link(self, pick_code: str, agent: str = AGENT) -> tuple[str, str]:
        """The link and the reply's cookie."""
        reply = httpx.get(
            f"{self.box.endpoint}/files/download",
            params={"pickcode": pick_code},
            headers={"Cookie": self.box.cookie, "User-Agent": agent},
        )
        return reply.json()["file_url"], reply.headers.get("set-cookie", "").partition(";")[0]

    def get(self, url: str, agent: str = AGENT, **headers: str) -> httpx.Response:
        return self.cdn.get(url, headers={"User-Agent": agent, **headers})


@pytest.fixture
def reader(cookie: CookiePeer, peer: OpenPeer) -> Iterator[Reader]:
    found = Reader(cookie, peer)
    with found.cdn:
        yield found


def message(reply: httpx.Response) -> tuple[int, str]:
    found = reply.json()
    assert found["status"] == reply.status_code
    return reply.status_code, found["message"]


# -- what a link is bound to


def test_an_open_link_gives_the_bytes_to_its_user_agent_alone(reader: Reader) -> None:
    """A client that asks with one User-Agent and reads with another gets 403 (D0.10)."""
    data = random_bytes(300_000)
    file = reader.box.put("/片 1&2.mkv", data)
    url = reader.open_link(file.pick_code)
    assert unquote(urlsplit(url).path).endswith("/片 1&2.mkv")
    reply = reader.get(url)
    assert (reply.status_code, reply.content == data, reply.headers["accept-ranges"]) == (200, True, "bytes")
    assert reply.headers["etag"].strip('"') != sha1(data)  # the SHA-1 must be computed
    assert reader.get(url, agent="another").status_code == 403


def test_asked_without_a_user_agent_a_link_is_free(reader: Reader) -> None:
    """``f`` is empty then, and any reader may have it (D3.3)."""
    file = reader.box.put("/a.bin", b"12345")
    url = reader.open_link(file.pick_code, agent="")
    assert parse_qs(urlsplit(url).query, keep_blank_values=True)["f"] == [""]
    assert reader.get(url, agent="anybody").content == b"12345"


def test_a_cookie_route_link_wants_the_cookie_of_its_reply(reader: Reader) -> None:
    """``f=3``: a client that drops the reply's Set-Cookie gets 403 "no cookie value" (D3.3)."""
    file = reader.box.put("/a.bin", b"12345")
    url, found = reader.web_link(file.pick_code)
    name, _, value = found.partition("=")
    assert (len(name), len(value)) == (32, 32)
    assert parse_qs(urlsplit(url).query)["f"] == ["3"]
    assert message(reader.get(url)) == (403, "no cookie value")
    assert reader.get(url, Cookie=found).content == b"12345"
    assert reader.get(url, Cookie=f"acw_tc=1; {found}").content == b"12345"  # another one beside it does no harm
    assert reader.get(url, Cookie=reader.box.cookie).status_code == 403  # the login's is not it
    assert reader.get(url, agent="another", Cookie=found).status_code == 403
    reader.box.set(link_bound=1)
    url, found = reader.web_link(file.pick_code)
    assert (found, reader.get(url).content) == ("", b"12345")


def test_the_reply_cookie_is_for_its_object_alone(reader: Reader) -> None:
    """A cookie jar keeps it apart from the WAF's by its path, and for 900 s (D3.1)."""
    file = reader.box.put("/a.bin", b"12345")
    login = dict(pair.split("=", 1) for pair in reader.box.cookie.split("; "))
    with httpx.Client(trust_env=False, cookies=login) as browser:
        reply = browser.get(f"{reader.box.endpoint}/files/download?pickcode={file.pick_code}")
        url, header = reply.json()["file_url"], reply.headers["set-cookie"]
        assert "Max-Age=900" in header
        assert urlsplit(url).path.startswith(header.partition("Path=")[2] + "/")
        assert browser.get(url).content == b"12345"  # the jar brings it there ...
        elsewhere = browser.get(f"{reader.box.endpoint}/files")
        assert header.partition("=")[0] not in elsewhere.request.headers["cookie"]  # ... and nowhere else


def test_links_run_out(reader: Reader) -> None:
    """``t`` says when; a client that keeps a link longer gets 403 (D3.3)."""
    file = reader.box.put("/a.bin", b"12345")
    reader.box.set(link_life=1.0)
    url = reader.open_link(file.pick_code)
    ends = int(parse_qs(urlsplit(url).query)["t"][0])
    assert 0 <= ends - time.time() <= 1
    eventually(lambda: time.time() >= ends)
    assert message(reader.get(url)) == (403, "url expired")
    longer = url.replace(f"t={ends}", f"t={ends + 3600}")
    assert reader.get(longer).status_code == 403  # it is signed


def test_a_changed_link_is_refused(reader: Reader) -> None:
    """A link to one file would open another, or never end."""
    one, two = reader.box.put("/1.bin", b"11111"), reader.box.put("/2.bin", b"22222")
    url, other = reader.open_link(one.pick_code), reader.open_link(two.pick_code)
    swapped = urlsplit(url)._replace(path=urlsplit(other).path).geturl()
    for changed in (swapped, url.replace("f=1", "f="), url.replace("c=2", "c=9"), url.replace("k=", "k=0")):
        assert reader.get(changed).status_code == 403, changed


def test_links_outlive_a_restart(reader: Reader) -> None:
    """A client would ask again for each link after an outage."""
    file = reader.box.put("/a.bin", b"12345")
    url = reader.open_link(file.pick_code)
    reader.box.restart()
    assert reader.get(url).content == b"12345"


# -- how often


def test_a_link_is_open_twice_at_most(reader: Reader) -> None:
    """A client that reads one file by many ranges at once gets 403 (D3.3: ``c``)."""
    file = reader.box.put("/a.bin", random_bytes(8 << 20))
    reader.box.set(download_bandwidth=500_000.0)
    url = reader.open_link(file.pick_code)
    with ExitStack() as stack:
        for _ in range(2):
            reply = stack.enter_context(reader.cdn.stream("GET", url, headers={"User-Agent": AGENT}))
            assert reply.status_code == 200
        assert message(reader.get(url)) == (403, "too many connections")
        assert reader.cdn.head(url, headers={"User-Agent": AGENT}).status_code == 200
        other = reader.open_link(reader.box.put("/b.bin", b"1").pick_code)
        assert reader.get(other).status_code == 200
    reader.box.set(download_bandwidth=None)
    eventually(lambda: reader.get(url, Range="bytes=0-0").status_code == 206)  # those that left count no more


def test_a_user_has_ten_links_open_at_most(reader: Reader) -> None:
    """Ten files at once is all there is (D3.3: ``uc``)."""
    reader.box.set(user_opens=3, download_bandwidth=500_000.0)
    urls = [reader.open_link(reader.box.put(f"/{n}", random_bytes(4 << 20)).pick_code) for n in range(4)]
    with ExitStack() as stack:
        for url in urls[:3]:
            reply = stack.enter_context(reader.cdn.stream("GET", url, headers={"User-Agent": AGENT}))
            assert reply.status_code == 200
        assert message(reader.get(urls[3])) == (403, "too many connections")
    eventually(lambda: reader.get(urls[3], Range="bytes=0-0").status_code == 206)


def test_a_day_has_so_many_links(reader: Reader) -> None:
    """406 comes after many links, on both routes (D3.1)."""
    file = reader.box.put("/a.bin", b"12345")
    reader.box.set(links_left=1)
    reader.open_link(file.pick_code)
    assert reader.cookie.get("/files/download", pickcode=file.pick_code)["errno"] == 406
    assert reader.peer.call("POST", "/open/ufile/downurl", pick_code=file.pick_code)["code"] == 406


# -- ranges


def test_ranged_reading(reader: Reader) -> None:
    """Reading parts of a file would not be possible, or give other bytes (D3.3)."""
    data = random_bytes(10_000)
    url = reader.open_link(reader.box.put("/a.bin", data).pick_code)
    part = reader.get(url, Range="bytes=100-199")
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206,
        data[100:200],
        "bytes 100-199/10000",
    )
    assert reader.get(url, Range="bytes=9990-").content == data[9990:]
    assert reader.get(url, Range="bytes=-10").content == data[-10:]
    assert reader.get(url, Range="bytes=9999-20000").content == data[-1:]
    beyond = reader.get(url, Range="bytes=10000-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10000")
    head = reader.cdn.head(url, headers={"User-Agent": AGENT})
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10000", b"")


def test_an_empty_file_has_no_range(reader: Reader) -> None:
    """A client that always sends a Range gets 416 for empty files (D3.3)."""
    url = reader.open_link(reader.box.put("/empty", b"").pick_code)
    assert reader.get(url, Range="bytes=0-").status_code == 416
    assert (reader.get(url).status_code, reader.get(url).content) == (200, b"")


@given(st.integers(0, 200), st.integers(0, 300), st.integers(0, 300), st.sampled_from(["{0}-{1}", "{0}-", "-{1}"]))
def test_ranges_are_inside_the_file(size: int, first: int, last: int, form: str) -> None:
    """A reader would get bytes beyond the end, or none with 206."""
    found = requested_range("bytes=" + form.format(first, last), size)
    if found.status == 206:
        assert 0 <= found.start < found.end <= size
        assert not form.startswith("{0}") or found.start == first
    else:
        assert found == ByteRange(0, 0, 416)
    assert requested_range("", size) == requested_range("lines=1-2", size) == ByteRange(0, size, 200)


def test_a_content_known_by_its_hash_alone_has_no_bytes(reader: Reader) -> None:
    """A client would read something that is not the file."""
    reader.box.add_instant(sha1(b"abc"), 3)
    pick_code = reader.peer.init("a.bin", b"abc")["pick_code"]
    assert message(reader.get(reader.open_link(pick_code))) == (404, "object not found")


def test_the_way_out_can_be_slow(reader: Reader) -> None:
    """A download that takes time could not be shown."""
    reader.box.set(download_bandwidth=1_000_000.0)
    url = reader.open_link(reader.box.put("/a.bin", random_bytes(3 << 20)).pick_code)
    begun = time.monotonic()
    assert len(reader.get(url).content) == 3 << 20
    assert time.monotonic() - begun >= 2


# -- asking for links


def test_web_links_end_at_200_megabytes(reader: Reader) -> None:
    """The refusal's words are in ``msg``, its code in ``msg_code``: others read an empty error (D3.1)."""
    file = reader.box.put("/a.bin", bytes(1001))
    reader.box.set(web_link_limit=1000)
    refused = reader.cookie.get("/files/download", pickcode=file.pick_code)
    assert (refused["state"], refused["msg_code"], "error" in refused) == (False, 50028, False)
    assert "115" in refused["msg"]
    assert reader.get(reader.open_link(file.pick_code)).status_code == 200  # the Open API has no such limit


@pytest.mark.parametrize("route", ["web", "chrome", "open"])
def test_what_has_no_link(reader: Reader, route: str) -> None:
    """Unknown, deleted, a folder: each route says so in its own way (D3.1)."""
    reader.box.put("/dir/x", b"1")
    folder, file = reader.box.files(folders=True)
    reader.cookie.post("/rb/delete", fid=file.file_id)

    def ask(pick_code: str) -> Any:
        if route == "web":
            reply = reader.cookie.get("/files/download", pickcode=pick_code)
            return reply["msg_code"]
        if route == "open":
            return reader.peer.call("POST", "/open/ufile/downurl", pick_code=pick_code)["data"]
        reply = chrome(reader, pick_code)
        return reply["errno"] if not reply["state"] else next(iter(reply["data"].values()))["url"]

    wanted = {"web": [50003, 70005, 50015], "chrome": [50003, 70005, False], "open": [[], [], []]}
    assert [ask(c) for c in ("nothing", file.pick_code, folder.pick_code)] == wanted[route]


def chrome(reader: Reader, pick_code: str, path: str = "/app/chrome/downurl", name: str = "pickcode") -> Any:
    key = bytes(16)
    form = {"data": m115_request({name: pick_code}, reader.box.rsa_modulus, key)}
    reply = reader.cookie.http.post(f"{reader.box.endpoint}{path}?t=1", data=form, headers={"User-Agent": AGENT})
    found = reply.json()
    if found["state"]:
        found["data"] = m115_reply(found["data"], reader.box.rsa_modulus, key)
    found["cookies"] = reply.headers.get_list("set-cookie")
    return found


def test_encrypted_links_of_chrome_and_the_apps(reader: Reader) -> None:
    """Files above 200 MB could not be had on the cookie route (D3.1, D3.2)."""
    one, two = reader.box.put("/1.bin", b"11111"), reader.box.put("/2.bin", b"22222")
    reader.box.set(web_link_limit=1)
    for path in ("/app/chrome/downurl", "/app/2.0/chrome/downurl"):
        reply = chrome(reader, f"{one.pick_code},{two.pick_code}", path)
        assert [(e["file_name"], e["file_size"], e["sha1"]) for e in reply["data"].values()] == [
            ("1.bin", "5", sha1(b"11111")),
            ("2.bin", "5", sha1(b"22222")),
        ]
        bytes_of = [
            reader.get(entry["url"]["url"], Cookie=found.partition(";")[0]).content
            for entry, found in zip(reply["data"].values(), reply["cookies"], strict=True)
        ]
        assert bytes_of == [b"11111", b"22222"]
    web = chrome(reader, one.pick_code, "/files/download")
    assert (web["data"]["file_name"], web["data"]["file_size"]) == ("1.bin", "5")
    assert reader.get(web["data"]["file_url"], Cookie=web["cookies"][0].partition(";")[0]).content == b"11111"
    app = chrome(reader, one.pick_code, "/android/2.0/ufile/download", "pick_code")
    assert reader.get(app["data"]["url"], Cookie=app["cookies"][0].partition(";")[0]).content == b"11111"


@pytest.mark.parametrize("data", ["", "AAAA", "!", base64.b64encode(bytes(128)).decode()])
def test_what_is_not_encrypted_for_this_server_is_refused(reader: Reader, data: str) -> None:
    """A client with 115's own modulus would get a reply that it cannot read."""
    assert reader.cookie.post("/app/chrome/downurl", data=data)["errno"] == 990002
    foreign = m115_request({"pickcode": "a"}, M115Key.generate().modulus, bytes(16))
    assert reader.cookie.post("/app/chrome/downurl", data=foreign)["errno"] == 990002


def test_the_control_page_tells_the_modulus(sandbox: Sandbox) -> None:
    """A client in another process could not be patched with it (D0.12)."""
    keys = httpx.get(f"{sandbox.endpoint}/sandbox/keys").json()
    assert keys == {"ecdh_public_key": sandbox.ecdh_public_key, "rsa_modulus": f"{sandbox.rsa_modulus:x}"}
    before = sandbox.rsa_modulus
    sandbox.restart()
    assert sandbox.rsa_modulus == before


def test_an_open_downurl_with_its_pick_code_in_the_query_hangs(reader: Reader) -> None:
    """A client would wait for its timeout on every download (D0.13)."""
    file = reader.box.put("/a.bin", b"1")
    url = f"{reader.box.endpoint}/open/ufile/downurl?pick_code={file.pick_code}"
    headers = {"Authorization": f"Bearer {reader.box.access_token}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, headers=headers, timeout=0.3)
    reader.box.set(empty_body_hang=0.05)
    assert httpx.post(url, headers=headers).json()["code"] == 990002


def test_the_sandbox_stops_in_the_middle_of_a_download(cookie: CookiePeer, peer: OpenPeer) -> None:
    """It would wait for a slow reader at its end."""
    reader = Reader(cookie, peer)
    with closing(reader.cdn):
        reader.box.set(download_bandwidth=1000.0)
        url = reader.open_link(reader.box.put("/a.bin", random_bytes(4 << 20)).pick_code)
        with reader.cdn.stream("GET", url, headers={"User-Agent": AGENT}) as reply:
            assert reply.status_code == 200
            ended = threading.Thread(target=reader.box.stop)
            ended.start()
            ended.join(20)
            assert not ended.is_alive()
            with pytest.raises(httpx.HTTPError):
                reply.read()


# -- the cipher


def test_the_cipher_is_115s() -> None:
    """Made to fit itself alone, it would fit no real client (the vectors of D3.2)."""
    counting = bytes(range(16))
    assert (derive(bytes(16), 4).hex(), derive(bytes(16), 12).hex()) == ("8da5a58d", "ac822114c15858c1142182ac")
    assert (derive(counting, 4).hex(), derive(counting, 12).hex()) == ("8ddaa370", "ac81271bc54352d81c587497")
    plain = b'{"pickcode":"abc123def456ghi78"}'
    assert hide(plain, counting).hex() == ("75874ff62a4de0a3099683ae6c9645f02047e6b7068080af67c61ca22a55a5ee")
    assert reply_buffer(b'{"1":{"file_name":"a"}}', counting, bytes(16)).hex() == (
        "000102030405060708090a0b0c0d0e0f5c59a0402eb89c2da39613ceb0bd5b472ef9846ad7d52e"
    )


@given(st.binary(max_size=400), st.binary(min_size=16, max_size=16))
def test_long_texts_pass_both_ways(text: bytes, key: bytes) -> None:
    """A list of many pick codes takes more than one block (D3.2)."""
    pair = _PAIR
    plain = {"pickcode": text.hex()}
    opened, client_key = pair.open_request(m115_request(plain, pair.modulus, key))
    assert (json.loads(opened), client_key) == (plain, key)
    assert m115_reply(pair.make_reply(json.dumps(plain).encode(), key), pair.modulus, key) == plain


_PAIR = M115Key.generate()
