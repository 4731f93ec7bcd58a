"""The OSS half, judged by Aliyun's own oss2: what it refuses a real bucket would refuse, too."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import oss2
import pytest
from sandbox_support import (
    PART,
    OpenPeer,
    callback_headers,
    eventually,
    md5,
    random_bytes,
    said,
    send_parts,
    sha1,
    signed_headers,
)

KEY = "0123456789abcdef0123456789abcdef01234567"


def refused(error: oss2.exceptions.ServerError) -> tuple[int, str]:
    return error.status, error.code


# -- signatures and keys


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_uploads_in_parts_with_both_signatures(peer: OpenPeer, version: str) -> None:
    """A client with the vendor's SDK could not use the sandbox."""
    data = random_bytes(3 * PART + 7)
    bucket = peer.bucket(version)
    upload_id, parts = send_parts(bucket, KEY, data)
    listed = list(oss2.PartIterator(bucket, KEY, upload_id, max_parts=2))
    assert [(p.part_number, p.size, p.etag) for p in listed] == [
        (n, len(c), md5(c))
        for n, c in enumerate((data[:PART], data[PART : 2 * PART], data[2 * PART : 3 * PART], data[3 * PART :]), 1)
    ]
    result = bucket.complete_multipart_upload(KEY, upload_id, parts)
    assert result.etag.endswith("-4")
    assert bucket.get_object(KEY).read() == data
    assert peer.sandbox.count("list_parts") == 2


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_presigned_urls(peer: OpenPeer, version: str) -> None:
    """A presigned PUT or GET of oss2 would be refused."""
    bucket = peer.bucket(version)
    url = bucket.sign_url("PUT", KEY, 3600, slash_safe=True)
    assert httpx.put(url, content=b"abc").status_code == 200
    assert httpx.get(bucket.sign_url("GET", KEY, 3600, slash_safe=True)).content == b"abc"
    spoiled = httpx.get(bucket.sign_url("GET", KEY, 3600, slash_safe=True).replace(KEY, KEY[::-1]))
    assert (spoiled.status_code, "SignatureDoesNotMatch" in spoiled.text) == (403, True)
    late = httpx.get(bucket.sign_url("GET", KEY, -5, slash_safe=True))
    assert (late.status_code, "<Code>AccessDenied</Code>" in late.text) == (403, True)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_a_wrong_secret_is_refused(peer: OpenPeer, version: str) -> None:
    """A client that signs wrongly would pass here and fail at the real OSS."""
    keys = peer.keys() | {"AccessKeySecret": "wrong"}
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch) as caught:
        peer.bucket(version, keys).put_object(KEY, b"x")
    assert caught.value.status == 403
    assert "StringToSign" in caught.value.details


def test_every_signed_part_of_a_request_counts(peer: OpenPeer) -> None:
    """Unsigned headers, sub-resources or another object would slip through."""
    keys, url = peer.keys(), f"{peer.sandbox.endpoint}/fhnfile/{KEY}"
    good = signed_headers(keys, "PUT", f"/fhnfile/{KEY}")
    assert httpx.put(url, content=b"x", headers=good).status_code == 200
    for spoiled in (
        httpx.put(url + "0", content=b"x", headers=good),
        httpx.put(url + "?sequential", content=b"x", headers=good),
        httpx.put(url, content=b"x", headers={**good, "x-oss-meta-a": "1"}),
        httpx.put(url, content=b"x", headers={**good, "content-type": "text/plain"}),
        httpx.get(url, headers=good),
    ):
        assert (spoiled.status_code, "<Code>SignatureDoesNotMatch</Code>" in spoiled.text) == (403, True)
    unsigned = httpx.put(url + "?max-parts=1&encoding-type=url", content=b"x", headers=good)
    assert unsigned.status_code == 200


def test_keys_must_be_known_complete_and_alive(peer: OpenPeer) -> None:
    """A client would never see what stale or half-renewed STS keys look like (protocol §4.6)."""
    keys, other = peer.keys(), peer.keys()
    for wrong, code in (
        (keys | {"AccessKeyId": "STS.unknown"}, "InvalidAccessKeyId"),
        (keys | {"SecurityToken": other["SecurityToken"]}, "InvalidSecurityToken"),
        (keys | {"SecurityToken": ""}, "InvalidAccessKeyId"),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            peer.bucket(keys=wrong).put_object(KEY, b"x")
        assert refused(caught.value) == (403, code)
    peer.sandbox.expire_sts()
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        peer.bucket(keys=keys).put_object(KEY, b"x")
    assert refused(caught.value) == (403, "SecurityTokenExpired")


def test_new_keys_go_on_with_the_same_upload_id(peer: OpenPeer) -> None:
    """An upload over an hour could not be rehearsed: upload_id survives the change of keys (protocol §4.6)."""
    data = random_bytes(2 * PART)
    first = peer.bucket()
    upload_id = first.init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    one = first.upload_part(KEY, upload_id, 1, data[:PART])
    peer.sandbox.expire_sts()
    with pytest.raises(oss2.exceptions.ServerError):
        first.upload_part(KEY, upload_id, 2, data[PART:])
    second = peer.bucket()
    two = second.upload_part(KEY, upload_id, 2, data[PART:])
    parts = [oss2.models.PartInfo(1, one.etag), oss2.models.PartInfo(2, two.etag)]
    second.complete_multipart_upload(KEY, upload_id, parts)
    assert second.get_object(KEY).read() == data


def test_sts_life_is_a_dial(peer: OpenPeer) -> None:
    """--sts-life would do nothing, and renewals could not be tested in seconds."""
    peer.sandbox.set(sts_life=0.0)
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        peer.bucket().put_object(KEY, b"x")
    assert caught.value.code == "SecurityTokenExpired"


@pytest.mark.parametrize(("skew", "ok"), [(-800, True), (800, True), (-1000, False), (1000, False)])
def test_a_wrong_clock_is_refused(peer: OpenPeer, skew: int, ok: bool) -> None:
    """A client on a machine with a wrong clock would work here and fail at the real OSS."""
    headers = signed_headers(peer.keys(), "PUT", f"/fhnfile/{KEY}", date=time.time() + skew)
    reply = httpx.put(f"{peer.sandbox.endpoint}/fhnfile/{KEY}", content=b"x", headers=headers)
    assert reply.status_code == (200 if ok else 403)
    assert ok or "<Code>RequestTimeTooSkewed</Code>" in reply.text


def test_no_credentials_no_access(peer: OpenPeer) -> None:
    """Anybody could read and write."""
    reply = httpx.put(f"{peer.sandbox.endpoint}/fhnfile/{KEY}", content=b"x")
    assert (reply.status_code, "<Code>AccessDenied</Code>" in reply.text) == (403, True)


def test_virtual_host_style(peer: OpenPeer) -> None:
    """Clients that put the bucket into the host name could not be served."""
    headers = signed_headers(peer.keys(), "PUT", f"/fhnfile/{KEY}")
    headers["host"] = "fhnfile.oss-cn-shenzhen.aliyuncs.com"
    assert httpx.put(f"{peer.sandbox.endpoint}/{KEY}", content=b"v", headers=headers).status_code == 200
    assert peer.bucket().get_object(KEY).read() == b"v"


def test_another_bucket_does_not_exist(peer: OpenPeer) -> None:
    """A typo in the bucket would upload into nowhere."""
    bucket = peer.bucket()
    bucket.bucket_name = "elsewhere"
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.put_object(KEY, b"x")


# -- order


def test_sequential_parts_come_in_order_and_once(peer: OpenPeer) -> None:
    """The two errors that ruin real 115 uploads would be unknown here (protocol §4.3)."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    bucket.upload_part(KEY, upload_id, 1, b"1" * PART)
    with pytest.raises(oss2.exceptions.PartNotSequential) as gap:
        bucket.upload_part(KEY, upload_id, 3, b"3" * PART)
    assert gap.value.status == 400
    assert gap.value.details["PartNumber"] == "3"
    with pytest.raises(oss2.exceptions.ServerError) as again:
        bucket.upload_part(KEY, upload_id, 1, b"1" * PART)
    assert refused(again.value) == (409, "PartAlreadyExist")
    bucket.upload_part(KEY, upload_id, 2, b"2" * PART)
    assert [p.part_number for p in bucket.list_parts(KEY, upload_id).parts] == [1, 2]


@pytest.mark.parametrize("flag", ["", "1"])
def test_sequential_may_be_written_in_any_way(peer: OpenPeer, flag: str) -> None:
    """p115oss writes sequential=1, others sequential: one of them would silently get a normal upload."""
    bucket = peer.bucket()
    bucket.init_multipart_upload(KEY, params={"sequential": flag})
    assert [u.sequential for u in peer.sandbox.uploads()] == [True]


def test_normal_parts_may_come_in_any_order_and_again(peer: OpenPeer) -> None:
    """Plain OSS behaviour would be lost: non-sequential uploads are concurrent and overwrite (protocol §4.3)."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    two = bucket.upload_part(KEY, upload_id, 2, b"22")
    bucket.upload_part(KEY, upload_id, 1, b"x" * PART)
    one = bucket.upload_part(KEY, upload_id, 1, b"1" * PART)
    parts = [oss2.models.PartInfo(1, one.etag), oss2.models.PartInfo(2, two.etag)]
    bucket.complete_multipart_upload(KEY, upload_id, parts)
    assert bucket.get_object(KEY).read() == b"1" * PART + b"22"
    assert "Content-MD5" not in bucket.head_object(KEY).headers


def test_a_sequential_object_knows_its_md5(peer: OpenPeer) -> None:
    """The visible difference that ``sequential`` makes on the real OSS would be missing (protocol §4.3)."""
    data = random_bytes(2 * PART)
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, KEY, data)
    bucket.complete_multipart_upload(KEY, upload_id, parts)
    found = bucket.head_object(KEY).headers["Content-MD5"]
    assert base64.b64decode(found) == hashlib.md5(data).digest()


def test_two_attempts_at_one_part_leave_one(peer: OpenPeer) -> None:
    """A retry that overtakes its first attempt would corrupt the file: one must win, one must get 409."""
    bucket, keys = peer.bucket(), peer.keys()
    upload_id = bucket.init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    headers = signed_headers(keys, "PUT", f"/fhnfile/{KEY}?partNumber=1&uploadId={upload_id}")
    url = f"{peer.sandbox.endpoint}/fhnfile/{KEY}?partNumber=1&uploadId={upload_id}"
    data, half_sent, go_on = random_bytes(PART), threading.Event(), threading.Event()
    statuses: list[int] = []

    def slow_body() -> Iterator[bytes]:
        yield data[: PART // 2]
        half_sent.set()
        assert go_on.wait(120)
        yield data[PART // 2 :]

    def first_attempt() -> None:
        statuses.append(httpx.put(url, content=slow_body(), headers=headers, timeout=120).status_code)

    thread = threading.Thread(target=first_attempt)
    thread.start()
    assert half_sent.wait(120)
    eventually(lambda: peer.sandbox.requests[-1].received)
    assert bucket.upload_part(KEY, upload_id, 1, data).status == 200
    go_on.set()
    thread.join()
    assert statuses == [409]
    assert [(p.size, p.etag) for p in bucket.list_parts(KEY, upload_id).parts] == [(PART, md5(data))]


# -- parts, complete, abort


def test_part_numbers_are_1_to_10000(peer: OpenPeer) -> None:
    """A plan with too many parts would pass here."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    for number in (0, 10001):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.upload_part(KEY, upload_id, number, b"x")
    bucket.upload_part(KEY, upload_id, 10000, b"x")


def test_complete_is_checked(peer: OpenPeer) -> None:
    """Wrong, missing, unordered or too small parts would make an object (protocol §4.7)."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    small = bucket.upload_part(KEY, upload_id, 1, b"small").etag
    last = bucket.upload_part(KEY, upload_id, 2, b"last").etag

    def complete(*parts: tuple[int, str]) -> str:
        infos = [oss2.models.PartInfo(n, e) for n, e in parts]
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket.complete_multipart_upload(KEY, upload_id, infos)
        assert caught.value.status == 400
        return str(caught.value.code)

    assert complete((1, small), (2, last)) == "EntityTooSmall"
    assert complete((1, last)) == "InvalidPart"
    assert complete((1, small), (3, last)) == "InvalidPart"
    # oss2 sorts the parts itself, so the wrong order is written by hand.
    body = f"<CompleteMultipartUpload>{_part(2, last)}{_part(1, small)}</CompleteMultipartUpload>"
    assert "<Code>InvalidPartOrder</Code>" in _complete(peer, upload_id, body)
    assert "<Code>MalformedXML</Code>" in _complete(peer, upload_id, "<Complete")
    assert "<Code>MalformedXML</Code>" in _complete(peer, upload_id, "<CompleteMultipartUpload/>")
    assert len(peer.sandbox.uploads()) == 1


def _part(number: int, etag: str) -> str:
    return f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"


def _complete(peer: OpenPeer, upload_id: str, body: str) -> str:
    headers = signed_headers(peer.keys(), "POST", f"/fhnfile/{KEY}?uploadId={upload_id}")
    url = f"{peer.sandbox.endpoint}/fhnfile/{KEY}?uploadId={upload_id}"
    return httpx.post(url, content=body, headers=headers).text


def test_a_gap_in_a_sequential_complete(peer: OpenPeer) -> None:
    """Leaving out a part of a sequential upload would make an object with a hole."""
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, KEY, random_bytes(3 * PART))
    with pytest.raises(oss2.exceptions.PartNotSequential):
        bucket.complete_multipart_upload(KEY, upload_id, [parts[0], parts[2]])


def test_a_claimed_sha1_is_checked(peer: OpenPeer) -> None:
    """x-oss-hash-sha1 on Complete would be ignored (protocol §4.3)."""
    bucket, data = peer.bucket(), random_bytes(PART)
    upload_id, parts = send_parts(bucket, KEY, data, sequential=False)
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.complete_multipart_upload(KEY, upload_id, parts, headers={"x-oss-hash-sha1": sha1(data)})
    assert caught.value.code == "Sha1CheckNotSupport"
    upload_id, parts = send_parts(bucket, KEY, data)
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.complete_multipart_upload(KEY, upload_id, parts, headers={"x-oss-hash-sha1": sha1(b"")})
    bucket.complete_multipart_upload(KEY, upload_id, parts, headers={"x-oss-hash-sha1": sha1(data)})


@pytest.mark.parametrize("end", ["abort", "complete"])
def test_an_ended_upload_id_is_gone(peer: OpenPeer, end: str) -> None:
    """A client could go on with an upload that no longer exists."""
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, KEY, random_bytes(PART))
    if end == "abort":
        assert bucket.abort_multipart_upload(KEY, upload_id).status == 204
        with pytest.raises(oss2.exceptions.NoSuchKey):
            bucket.get_object(KEY)
    else:
        bucket.complete_multipart_upload(KEY, upload_id, parts)
    calls = (
        lambda: bucket.upload_part(KEY, upload_id, 2, b"x"),
        lambda: bucket.list_parts(KEY, upload_id),
        lambda: bucket.complete_multipart_upload(KEY, upload_id, parts),
        lambda: bucket.abort_multipart_upload(KEY, upload_id),
    )
    for call in calls:
        with pytest.raises(oss2.exceptions.NoSuchUpload) as caught:
            call()
        assert caught.value.details["UploadId"] == upload_id
    assert peer.sandbox.uploads() == []


def test_an_upload_id_belongs_to_its_object(peer: OpenPeer) -> None:
    """Parts could be sent to the wrong object."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part(KEY[::-1], upload_id, 1, b"x")


def test_unfinished_uploads_are_listed(peer: OpenPeer) -> None:
    """A forgotten upload could not be found and aborted."""
    bucket = peer.bucket()
    ids = {bucket.init_multipart_upload(f"{n}{KEY}").upload_id for n in range(5)}
    found = list(oss2.MultipartUploadIterator(bucket, max_uploads=2))
    assert {u.upload_id for u in found} == ids
    assert [u.key for u in oss2.ObjectUploadIterator(bucket, f"3{KEY}")] == [f"3{KEY}"]


# -- bytes


def test_content_md5_is_checked(peer: OpenPeer) -> None:
    """Bytes damaged on the way would be stored (protocol §4.7)."""
    bucket = peer.bucket()
    for wrong in (base64.b64encode(hashlib.md5(b"other").digest()).decode(), "no md5"):
        with pytest.raises(oss2.exceptions.InvalidDigest):
            bucket.put_object(KEY, b"bytes", headers={"Content-MD5": wrong})
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.head_object(KEY)
    right = base64.b64encode(hashlib.md5(b"bytes").digest()).decode()
    bucket.put_object(KEY, b"bytes", headers={"Content-MD5": right})


def test_a_chunked_body(peer: OpenPeer) -> None:
    """p115oss sends parts without Content-Length; they would be refused (protocol §11.3)."""
    headers = signed_headers(peer.keys(), "PUT", f"/fhnfile/{KEY}")
    url = f"{peer.sandbox.endpoint}/fhnfile/{KEY}"
    reply = httpx.put(url, content=iter([b"a" * 70_000, b"b"]), headers=headers)
    assert (reply.status_code, reply.headers["etag"]) == (200, f'"{md5(b"a" * 70_000 + b"b")}"')


def test_expect_100_continue(peer: OpenPeer) -> None:
    """curl and others ask first; they would wait for ever, or send a body that was refused."""
    headers = signed_headers(peer.keys(), "PUT", f"/fhnfile/{KEY}")
    head = f"PUT /fhnfile/{KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
    host, port = peer.sandbox.endpoint.removeprefix("http://").split(":")

    def talk(lines: str) -> socket.socket:
        line = socket.create_connection((host, int(port)), timeout=120)
        line.sendall((head + lines + "\r\n").encode())
        return line

    with talk("".join(f"{k}: {v}\r\n" for k, v in headers.items())) as line:
        assert line.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"abc")
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
    with talk("") as line:  # unsigned: the answer comes without the body being asked for
        assert line.recv(1000).startswith(b"HTTP/1.1 403")


def test_a_body_without_length_is_refused(peer: OpenPeer) -> None:
    """A client that forgets both would hang or store nothing."""
    headers = signed_headers(peer.keys(), "PUT", f"/fhnfile/{KEY}")
    host, port = peer.sandbox.endpoint.removeprefix("http://").split(":")
    text = f"PUT /fhnfile/{KEY} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    with socket.create_connection((host, int(port)), timeout=120) as line:
        line.sendall((text + "\r\n").encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 411")


def test_a_client_that_leaves_stores_nothing(peer: OpenPeer) -> None:
    """Half a part would count as a part."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY, params={"sequential": ""}).upload_id
    resource = f"/fhnfile/{KEY}?partNumber=1&uploadId={upload_id}"
    headers = signed_headers(peer.keys(), "PUT", resource)

    def dies() -> Iterator[bytes]:
        yield b"x" * PART
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        httpx.put(peer.sandbox.endpoint + resource, content=dies(), headers=headers)
    assert bucket.list_parts(KEY, upload_id).parts == []
    data = random_bytes(PART)
    part = bucket.upload_part(KEY, upload_id, 1, data)
    bucket.complete_multipart_upload(KEY, upload_id, [oss2.models.PartInfo(1, part.etag)])
    assert bucket.get_object(KEY).read() == data


def test_checksums_of_a_part(peer: OpenPeer) -> None:
    """ETag, CRC-64 and Date have the shapes that p115oss needs (protocol §11.3)."""
    bucket = peer.bucket()
    upload_id = bucket.init_multipart_upload(KEY).upload_id
    reply = bucket.upload_part(KEY, upload_id, 1, b"123456789")
    headers = reply.headers
    assert headers["ETag"] == '"25F9E794323B453885F5181F1B624D0B"'
    assert int(headers["x-oss-hash-crc64ecma"]) == 0x995DC9BBDF1939FA  # the check value of CRC-64/XZ
    assert time.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")
    assert len(headers["x-oss-request-id"]) == 24


def test_ranges_and_heads(peer: OpenPeer) -> None:
    """A stored file could not be looked into."""
    bucket = peer.bucket()
    data = random_bytes(2 * PART)
    upload_id, parts = send_parts(bucket, KEY, data)
    bucket.complete_multipart_upload(KEY, upload_id, parts)
    assert bucket.get_object(KEY, byte_range=(PART - 3, PART + 3)).read() == data[PART - 3 : PART + 4]
    assert bucket.head_object(KEY).content_length == len(data)
    with pytest.raises(oss2.exceptions.NotFound) as caught:
        bucket.head_object("nothing")
    assert caught.value.details["Code"] == "NoSuchKey"


# -- callback


def test_put_object_tells_115(peer: OpenPeer) -> None:
    """A small file would be stored and never appear in the drive (protocol §4.9, §5)."""
    data = random_bytes(5000)
    answer = peer.init("小文件.bin", data)
    reply = said(peer.bucket().put_object(answer["object"], data, headers=callback_headers(answer)))
    assert reply["state"] is True
    assert reply["data"]["sha1"] == sha1(data)
    assert (reply["data"]["file_size"], reply["data"]["pick_code"]) == (5000, answer["pick_code"])
    assert peer.sandbox.read("/小文件.bin") == data
    assert peer.sandbox.count("completeupload") == 1


def test_a_multipart_without_sequential_fails_at_115(peer: OpenPeer) -> None:
    """The trap that every 115 client fell into in 2024 would be invisible: 100 % sent, then 10002 (protocol §4.3)."""
    data = random_bytes(2 * PART)
    answer = peer.init("a.bin", data)
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, answer["object"], data, sequential=False)
    result = bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    assert (result.status, said(result)) == (200, {"state": False, "message": "校验文件失败", "code": 10002})
    assert peer.sandbox.files() == []


def test_a_sha1_written_into_the_callback_does_not_help(peer: OpenPeer) -> None:
    """115 asks OSS, not the client's words (protocol §4.3)."""
    data = random_bytes(2 * PART)
    answer = peer.init("a.bin", data)
    answer["callback"]["callback"] = answer["callback"]["callback"].replace("${sha1}", sha1(data))
    bucket = peer.bucket()
    upload_id, parts = send_parts(bucket, answer["object"], data, sequential=False)
    result = bucket.complete_multipart_upload(answer["object"], upload_id, parts, headers=callback_headers(answer))
    assert said(result)["code"] == 10002


def test_other_bytes_than_claimed_fail_at_115(peer: OpenPeer) -> None:
    """A file that changed while it was sent would be accepted."""
    answer = peer.init("a.bin", b"claimed")
    result = peer.bucket().put_object(answer["object"], b"changed", headers=callback_headers(answer))
    assert said(result)["code"] == 10002
    assert peer.sandbox.files() == []


def test_only_oss_may_tell_115(peer: OpenPeer) -> None:
    """A client could skip the callback and report its upload itself."""
    answer = peer.init("a.bin", b"abc")
    peer.bucket().put_object(answer["object"], b"abc")
    form = {"bucket": "fhnfile", "object": answer["object"], "size": 3, "sha1": sha1(b"abc")}
    form |= {"pick_code": answer["pick_code"], "user_id": "1"}
    assert httpx.post(f"{peer.sandbox.endpoint}/3.0/completeupload.php", data=form).status_code == 403
    assert peer.sandbox.files() == []


class _Target(BaseHTTPRequestHandler):
    """Somebody's own callback server."""

    bodies: list[bytes]
    reply: tuple[int, bytes]

    def do_POST(self) -> None:
        type(self).bodies.append(self.rfile.read(int(self.headers["content-length"])))
        status, body = self.reply
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[tuple[str, type[_Target]]]:
    handler = type("Handler", (_Target,), {"bodies": [], "reply": (200, b'{"ok":1}')})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", handler
        server.shutdown()
        thread.join()


def _hook(url: str, body: str, kind: str = "", **variables: str) -> dict[str, str]:
    import json

    callback = {"callbackUrl": url, "callbackBody": body} | ({"callbackBodyType": kind} if kind else {})
    encode = lambda value: base64.b64encode(json.dumps(value).encode()).decode()  # noqa: E731
    return {"x-oss-callback": encode(callback), "x-oss-callback-var": encode(variables)}


def test_variables_of_a_callback(peer: OpenPeer, target: tuple[str, type[_Target]]) -> None:
    """Names with & or = would break the form that 115 reads (protocol §4.9)."""
    url, handler = target
    body = "b=${bucket}&s=${size}&h=${sha1}&m=${mimeType}&e=${etag}&n=${x:name}&none=${x:missing}"
    headers = {**_hook(url, body, **{"x:name": "a&b=c d"}), "Content-Type": "text/plain"}
    result = peer.bucket().put_object(KEY, b"abc", headers=headers)
    assert said(result) == {"ok": 1}
    assert handler.bodies == [
        f"b=fhnfile&s=3&h={sha1(b'abc')}&m=text%2Fplain&e={md5(b'abc')}&n=a%26b%3Dc%20d&none=".encode()
    ]
    peer.bucket().put_object(
        KEY, b"abc", headers=_hook(url, '{"s":${size},"n":${x:name}}', "application/json", **{"x:name": 'q"'})
    )
    assert handler.bodies[-1] == b'{"s":3,"n":"q\\""}'


@pytest.mark.parametrize(
    "reply", [(500, b'{"a":1}'), (200, b"no json"), (302, b"")], ids=["status", "json", "redirect"]
)
def test_a_callback_that_fails_is_203(
    peer: OpenPeer, target: tuple[str, type[_Target]], reply: tuple[int, bytes]
) -> None:
    """oss2 does not raise on 203: a client that does not look would call this a success (protocol §4.7, §5)."""
    url, handler = target
    handler.reply = reply
    result = peer.bucket().put_object(KEY, b"abc", headers=_hook(url, "s=${size}"))
    assert result.status == 203
    assert b"<Code>CallbackFailed</Code>" in result.resp.read()
    assert peer.bucket().get_object(KEY).read() == b"abc"  # stored all the same


def test_a_slow_callback_is_203_though_115_was_told(peer: OpenPeer) -> None:
    """The doubtful end: 115 was slower than OSS's patience, yet has the file (protocol §4.9)."""
    peer.sandbox.set(callback_timeout=0.2)
    peer.sandbox.fault("completeupload", "slow", seconds=0.5)
    answer = peer.init("a.bin", b"abc")
    result = peer.bucket().put_object(answer["object"], b"abc", headers=callback_headers(answer))
    assert result.status == 203
    eventually(peer.sandbox.files)
    assert [f.path for f in peer.sandbox.files()] == ["/a.bin"]


def test_callbacks_leave_this_machine_only_in_name(peer: OpenPeer) -> None:
    """A test would call strangers on the network."""
    result = peer.bucket().put_object(KEY, b"abc", headers=_hook("http://example.com/hook", "s=${size}"))
    assert result.status == 203


@pytest.mark.parametrize(
    ("callback", "variables"),
    [("%%%", ""), ("bm8ganNvbg==", ""), ("e30=", ""), (None, "eyJuYW1lIjoiMSJ9"), (None, "eyJ4OkEiOiIxIn0=")],
    ids=["base64", "json", "no url", "no x:", "upper case"],
)
def test_a_malformed_callback_is_refused_before_anything_is_stored(
    peer: OpenPeer, callback: str | None, variables: str
) -> None:
    """The client's bug would show only after all bytes were sent."""
    headers = _hook("http://uplb.115.com/x", "a=1")
    headers["x-oss-callback"] = callback or headers["x-oss-callback"]
    headers["x-oss-callback-var"] = variables
    with pytest.raises(oss2.exceptions.InvalidArgument):
        peer.bucket().put_object(KEY, b"abc", headers=headers)
    with pytest.raises(oss2.exceptions.NotFound):
        peer.bucket().head_object(KEY)


# -- sizes nobody wants to send


@pytest.mark.parametrize(
    ("query", "code"), [("", "InvalidArgument"), ("?partNumber=1&uploadId={}", "EntityTooLarge")]
)
def test_more_than_5_gib_is_refused_before_it_is_sent(peer: OpenPeer, query: str, code: str) -> None:
    """A plan with too large parts would run for hours before it fails (protocol §4.5)."""
    upload_id = peer.bucket().init_multipart_upload(KEY).upload_id
    resource = f"/fhnfile/{KEY}" + query.format(upload_id)
    headers = signed_headers(peer.keys(), "PUT", resource) | {"content-length": str(5 * 1024**3 + 1)}
    host, port = peer.sandbox.endpoint.removeprefix("http://").split(":")
    text = f"PUT {resource} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    with socket.create_connection((host, int(port)), timeout=120) as line:
        line.sendall((text + "\r\n").encode())
        reply = ""
        while "</Error>" not in reply:
            piece = line.recv(5000)
            assert piece, reply
            reply += piece.decode()
    assert reply.startswith("HTTP/1.1 400")
    assert f"<Code>{code}</Code>" in reply


def test_the_token_of_aliyuns_second_sdk(peer: OpenPeer) -> None:
    """Its V1 signer writes ``security-token`` without the prefix; the real OSS takes it."""
    keys = peer.keys()
    headers = signed_headers(
        keys | {"SecurityToken": ""}, "PUT", f"/fhnfile/{KEY}", security_token=keys["SecurityToken"]
    )
    # The empty prefixed header was signed, so it stays; the other one carries the token.
    assert httpx.put(f"{peer.sandbox.endpoint}/fhnfile/{KEY}", content=b"x", headers=headers).status_code == 200
