"""The six calls: what is sent, what is believed, and which error a refusal becomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from email.utils import formatdate
from time import time
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from oss_support import SECRETS, Answer, Keys, ScriptedOss, body, oss_error, stored, tells_no_secret

from pan115kit.config import UploadConfig
from pan115kit.errors import (
    CallbackFailedError,
    ChecksumMismatchError,
    DriveError,
    DriveProtocolError,
    FileChangedError,
    NetworkError,
    NoSpaceError,
    NoSuchUploadError,
    OssCredentialsError,
    OssError,
    Pan115Error,
    PartAlreadyExistError,
    PartNotSequentialError,
    RateLimitedError,
    TargetError,
    VerificationError,
)
from pan115kit.models import Part
from pan115kit.oss.bucket import OssBucket
from pan115kit.oss.crc64 import crc64
from pan115kit.oss.responses import CallbackReply
from pan115kit.oss.signing import Callback
from pan115kit.oss.sts_keys import CredentialsProvider
from pan115kit.oss.transport import make_http_client

CALLBACK = Callback('{"callbackUrl":"u"}', '{"x:pick_code":"p"}')
DONE = {
    "state": True,
    "code": 0,
    "message": "",
    "data": {"file_id": "77", "file_name": "a.bin", "file_size": 8, "sha1": "ab", "pick_code": "p", "cid": "0"},
}


def upload_part(*answers: Answer, data: bytes = b"contents", fetch: Any = None) -> tuple[Part, ScriptedOss]:
    oss = ScriptedOss(*answers)
    part = asyncio.run(oss.bucket(fetch).upload_part("key", "UP", 3, body(data[:3], data[3:]), len(data)))
    return part, oss


def put(*answers: Answer, callback: Callback | None = CALLBACK) -> CallbackReply:
    oss = ScriptedOss(*answers)
    return asyncio.run(oss.bucket().put_object("key", body(b"contents"), 8, callback))


def listing(*numbers: int, more: int | None = None) -> httpx.Response:
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f'<ETag>"e{n}"</ETag><HashCrc64ecma>{n}</HashCrc64ecma><Size>{n * 10}</Size></Part>'
        for n in numbers
    )
    truncated = f"<NextPartNumberMarker>{more}</NextPartNumberMarker>" if more is not None else ""
    return httpx.Response(
        200,
        text=f"<ListPartsResult>{truncated}<IsTruncated>{str(more is not None).lower()}</IsTruncated>"
        f"{parts}</ListPartsResult>",
    )


# -- what is sent


def test_a_part_is_sent_with_its_length_and_never_chunked() -> None:
    """Callers may trust the returned part: OSS's ETag, and a CRC both sides agree on."""
    part, oss = upload_part(stored)
    assert part == Part(3, 8, "0A1B", crc64(b"contents"))
    request = oss.requests[0]
    assert request.method == "PUT"
    assert request.url.query == b"partNumber=3&uploadId=UP"
    assert request.headers["content-length"] == "8"
    assert "transfer-encoding" not in request.headers
    assert request.content == b"contents"
    assert not any(name.startswith("x-oss-callback") for name in request.headers)


def test_initiate_asks_for_sequential_unless_told_otherwise() -> None:
    """Without it 115 refuses the file after all bytes have been sent (10002)."""
    xml = "<InitiateMultipartUploadResult><UploadId>0A1B</UploadId></InitiateMultipartUploadResult>"
    for sequential, query in ((True, b"sequential&uploads"), (False, b"uploads")):
        oss = ScriptedOss(httpx.Response(200, text=xml))
        assert asyncio.run(oss.bucket().initiate("key", sequential=sequential)) == "0A1B"
        assert oss.requests[0].method == "POST"
        assert oss.requests[0].url.query == query


def test_complete_sends_the_parts_in_order_with_the_callback() -> None:
    """OSS refuses another order; without the callback 115 never hears of the file."""
    oss = ScriptedOss(httpx.Response(200, json=DONE))
    parts = [Part(2, 4, "BB", None), Part(1, 4, "AA", None)]
    asyncio.run(oss.bucket().complete("key", "UP", parts, CALLBACK))
    request = oss.requests[0]
    sent = [(p.findtext("PartNumber"), p.findtext("ETag")) for p in ElementTree.fromstring(request.content)]
    assert sent == [("1", '"AA"'), ("2", '"BB"')]
    assert {"x-oss-callback", "x-oss-callback-var"} <= set(request.headers)


def test_an_empty_file_can_be_put() -> None:
    """115 takes empty files, and multipart cannot carry them."""
    oss = ScriptedOss(lambda request: httpx.Response(200, json=DONE, headers=stored(request).headers))
    asyncio.run(oss.bucket().put_object("key", body(), 0, CALLBACK))
    assert oss.requests[0].headers["content-length"] == "0"


# -- what is believed


def test_the_callback_reply_is_115s_record_of_the_file() -> None:
    """Success is judged by it: id, size and sha1 must come through whatever their JSON types."""
    data = {**DONE["data"], "file_size": "8", "file_id": 77}  # type: ignore[dict-item]
    reply = put(lambda request: httpx.Response(200, json={**DONE, "data": data}, headers=stored(request).headers))
    assert (reply.file_id, reply.file_size, reply.sha1, reply.cid) == ("77", 8, "AB", "0")
    assert reply.crc64 == crc64(b"contents")
    assert reply.raw == data


def test_without_a_callback_there_is_no_reply_of_115_to_wait_for() -> None:
    """Plain OSS answers a PUT with an empty body."""
    assert put(stored, callback=None) == CallbackReply(crc64=crc64(b"contents"))


@pytest.mark.parametrize("crc", ["1", str(2**64 - 1)])
def test_a_part_damaged_on_the_way_is_not_taken_for_sent(crc: str) -> None:
    """OSS stored other bytes: a retry helps, silence would lose the file."""
    with pytest.raises(ChecksumMismatchError) as caught:
        upload_part(httpx.Response(200, headers={"ETag": '"A"', "x-oss-hash-crc64ecma": crc}))
    assert caught.value.retryable


def test_a_damaged_single_put_is_a_checksum_error_even_if_115_only_says_10002() -> None:
    """The cause that a retry cures, not the consequence that it does not."""
    refusal = {"state": False, "code": 10002, "message": "校验文件失败"}
    with pytest.raises(ChecksumMismatchError):
        put(httpx.Response(200, json=refusal, headers={"x-oss-hash-crc64ecma": "1"}))


def test_an_oss_that_tells_no_crc_is_believed_and_the_part_says_so() -> None:
    """Some OSS-compatible stores send none; their uploads must work."""
    part, _ = upload_part(httpx.Response(200, headers={"ETag": '"A"'}))
    assert part.crc64 is None


def test_the_object_must_have_the_crc_of_its_parts() -> None:
    """Parts stored well and put together wrongly would be a broken file."""
    parts = [Part(1, 5, "A", crc64(b"12345")), Part(2, 4, "B", crc64(b"6789"))]

    def complete(crc: int) -> CallbackReply:
        oss = ScriptedOss(httpx.Response(200, json=DONE, headers={"x-oss-hash-crc64ecma": str(crc)}))
        return asyncio.run(oss.bucket().complete("key", "UP", parts, CALLBACK))

    assert complete(crc64(b"123456789")).crc64 == crc64(b"123456789")
    with pytest.raises(ChecksumMismatchError):
        complete(crc64(b"678912345"))


def test_a_part_without_an_etag_cannot_be_completed_and_is_asked_for() -> None:
    """Retryable, so that ListParts is asked."""
    with pytest.raises(OssError) as caught:
        upload_part(httpx.Response(200))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("pieces", "words"), [((b"short",), "3 bytes early"), ((b"contents", b"!"), "1 bytes too long")]
)
def test_a_body_of_another_length_than_promised_is_a_changed_file(pieces: tuple[bytes, ...], words: str) -> None:
    """Not a protocol error from deep inside, and nothing is stored."""
    oss = ScriptedOss(stored)
    with pytest.raises(FileChangedError, match=words):
        asyncio.run(oss.bucket().upload_part("key", "UP", 1, body(*pieces), 8))
    assert oss.requests == []


# -- ListParts


def test_every_page_of_the_list_is_read() -> None:
    """A resume that sees only 1000 parts would send the rest again and get 409s."""
    oss = ScriptedOss(listing(1, 2, more=2), listing(3, more=3), listing(5, 4))
    parts = asyncio.run(oss.bucket().list_parts("key", "UP"))
    assert [part.number for part in parts] == [1, 2, 3, 4, 5]
    assert parts[3] == Part(4, 40, "E4", 4)
    markers = [request.url.params["part-number-marker"] for request in oss.requests]
    assert markers == ["0", "2", "3"]


def test_a_list_that_does_not_advance_ends_in_an_error() -> None:
    """Instead of asking for the same page forever."""
    oss = ScriptedOss(listing(1, 2, more=2), listing(1, 2, more=2))
    with pytest.raises(OssError, match="does not advance"):
        asyncio.run(oss.bucket().list_parts("key", "UP"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>login</html>",
        "<ListPartsResult><Part>",
        "<ListPartsResult><Part><Size>1</Size></Part></ListPartsResult>",
    ],
)
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(text: str) -> None:
    """An empty list would mean: begin at byte 0."""
    with pytest.raises(OssError) as caught:
        asyncio.run(ScriptedOss(httpx.Response(200, text=text)).bucket().list_parts("key", "UP"))
    assert caught.value.retryable


# -- refusals


@pytest.mark.parametrize(
    ("status", "code", "kind", "retryable"),
    [
        (404, "NoSuchUpload", NoSuchUploadError, False),
        (409, "PartAlreadyExist", PartAlreadyExistError, False),
        (400, "PartNotSequential", PartNotSequentialError, False),
        (400, "EntityTooSmall", OssError, False),
        (400, "EntityTooLarge", OssError, False),
        (400, "InvalidPart", OssError, False),
        (400, "InvalidArgument", OssError, False),
        (404, "NoSuchBucket", OssError, False),
        (307, "TemporaryRedirect", OssError, False),
        (400, "RequestTimeout", OssError, True),
        (429, "TooManyRequests", OssError, True),
        (500, "InternalError", OssError, True),
        (502, "", OssError, True),
        (503, "SlowDown", OssError, True),
    ],
)
def test_each_refusal_is_its_own_error_and_knows_if_a_retry_helps(
    status: int, code: str, kind: type[OssError], retryable: bool
) -> None:
    """What happens next to the upload hangs on exactly this."""
    answer = oss_error(status, code) if code else httpx.Response(status, text="<html>bad gateway")
    with pytest.raises(OssError) as caught:
        upload_part(answer)
    error = caught.value
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status == status
    if code:
        assert (error.code, error.request_id, error.server_message) == (code, "RID", "words of OSS")
    assert "UploadPart 3" in str(error)


def test_203_is_a_failure_though_http_calls_it_a_success() -> None:
    """The object is in OSS but not in the drive: reporting success would lose the file."""
    answer = oss_error(203, "CallbackFailed", "Error status : 502.")
    with pytest.raises(CallbackFailedError) as caught:
        put(answer)
    assert (caught.value.status, caught.value.server_message) == (203, "Error status : 502.")
    with pytest.raises(CallbackFailedError):
        put(httpx.Response(203))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (10002, VerificationError),
        (10014, TargetError),
        (91005, NoSpaceError),
        (990009, RateLimitedError),  # worth another try
        (4711, VerificationError),  # unknown: 115 is asked anew once
        (None, VerificationError),
    ],
)
def test_a_refusal_by_115_keeps_its_code_and_words(code: int | None, kind: type[DriveError]) -> None:
    """HTTP 200 with ``state: false`` is no success either."""
    with pytest.raises(DriveError) as caught:
        put(httpx.Response(200, json={"state": False, "code": code, "message": "校验文件失败"}))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.server_message) == (code, "校验文件失败")


def test_xml_with_a_namespace_is_understood() -> None:
    """Aliyun's manual shows answers with one; an upload must not end at it."""
    space = 'xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"'
    begun = f"<InitiateMultipartUploadResult {space}><UploadId>0A1B</UploadId></InitiateMultipartUploadResult>"
    part = '<Part><PartNumber>1</PartNumber><ETag>"AB"</ETag><Size>5</Size></Part>'
    listed = f"<ListPartsResult {space}><IsTruncated>false</IsTruncated>{part}</ListPartsResult>"
    gone = f"<Error {space}><Code>NoSuchUpload</Code></Error>"
    oss = ScriptedOss(
        httpx.Response(200, text=begun), httpx.Response(200, text=listed), httpx.Response(404, text=gone)
    )

    async def run() -> None:
        bucket = oss.bucket()
        assert await bucket.initiate("key") == "0A1B"
        assert await bucket.list_parts("key", "0A1B") == [Part(1, 5, "AB")]
        with pytest.raises(NoSuchUploadError):
            await bucket.list_parts("key", "0A1B")

    asyncio.run(run())


@pytest.mark.parametrize("text", ["", "<xml/>", "[]", '{"data":{}}', '{"state":true,"data":[]}', '{"state":true'])
def test_a_reply_that_is_not_115s_json_is_no_success(text: str) -> None:
    """Doubt, to be settled by asking 115; never a success without a file."""
    with pytest.raises(DriveProtocolError):
        put(httpx.Response(200, text=text))


def test_aborting_what_is_gone_is_done() -> None:
    """Cancelling twice, or after the upload expired, must not fail."""
    asyncio.run(ScriptedOss(httpx.Response(204)).bucket().abort("key", "UP"))
    asyncio.run(ScriptedOss(oss_error(404, "NoSuchUpload")).bucket().abort("key", "UP"))
    for answer in (oss_error(500, "InternalError"), httpx.Response(200, text="<html>a portal</html>")):
        with pytest.raises(OssError) as caught:
            asyncio.run(ScriptedOss(answer).bucket().abort("key", "UP"))
        assert caught.value.retryable


@pytest.mark.parametrize(("offset", "how_much", "way"), [(-2610, "43m", "fast"), (7230, "2h 0m", "slow")])
def test_a_wrong_clock_is_named_with_its_error(offset: float, how_much: str, way: str) -> None:
    """The user can do something about it, and new keys would not help."""
    fetch = Keys()
    answer = oss_error(403, "RequestTimeTooSkewed", Date=formatdate(time() + offset, usegmt=True))
    with pytest.raises(OssError) as caught:
        upload_part(answer, fetch=fetch)
    assert f"clock is {how_much}" in caught.value.hint
    assert way in caught.value.hint
    assert not caught.value.retryable
    assert fetch.fetched == 1


# -- stale keys


@pytest.mark.parametrize(
    "code",
    ["SecurityTokenExpired", "InvalidAccessKeyId", "InvalidSecurityToken", "SignatureDoesNotMatch", "AccessDenied"],
)
def test_stale_keys_are_replaced_whole_and_the_body_is_sent_again_from_its_start(code: str) -> None:
    """An upload of several hours passes the end of its keys without the user noticing."""
    part, oss = upload_part(oss_error(403, code), stored)
    assert part.crc64 == crc64(b"contents")
    first, second = oss.requests
    assert second.content == b"contents"
    assert "OSS STS.1:" in first.headers["authorization"]
    assert "OSS STS.2:" in second.headers["authorization"]
    assert second.headers["x-oss-security-token"].endswith("-2")
    assert second.url == first.url


def test_new_keys_may_name_another_endpoint() -> None:
    """The keys say where OSS is; the second try goes there."""
    fetch = Keys()
    bucket_of: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bucket_of.append(request.url.host)
        fetch.options = {"endpoint": "http://elsewhere.test"}
        return oss_error(403, "SecurityTokenExpired") if len(bucket_of) == 1 else stored(request)

    upload_part(answer, answer, fetch=fetch)
    assert bucket_of == ["fhnfile.oss.test", "fhnfile.elsewhere.test"]


def test_keys_refused_twice_are_an_error_and_no_third_try() -> None:
    """Else a revoked account would be asked for keys forever."""
    fetch = Keys()
    with pytest.raises(OssCredentialsError) as caught:
        upload_part(*[oss_error(403, "InvalidAccessKeyId")] * 2, fetch=fetch)
    assert fetch.fetched == 2
    assert tells_no_secret(caught.value)


def test_a_refusal_that_keys_do_not_cure_is_not_retryable() -> None:
    """AccessDenied after new keys stays AccessDenied."""
    with pytest.raises(OssError) as caught:
        upload_part(*[oss_error(403, "AccessDenied")] * 2)
    assert not isinstance(caught.value, OssCredentialsError)
    assert not caught.value.retryable


# -- no answer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "cannot connect to fhnfile.oss.test:8000"),
        (httpx.ConnectTimeout("no connection within 15 s"), "cannot connect"),
        (httpx.ReadTimeout("no byte for 300 s"), "no answer"),
        (httpx.WriteTimeout("not a byte"), "takes no more bytes"),
        (httpx.ReadError(""), "broke"),
        (httpx.RemoteProtocolError("Server disconnected"), "broke"),
        (httpx.ProxyError("407"), "proxy"),
    ],
)
def test_no_answer_is_a_network_error_that_names_the_host_and_nothing_secret(
    error: httpx.TransportError, words: str
) -> None:
    """Retryable, readable, and safe to paste: httpx's own error carries the request with its headers."""

    def fail(request: httpx.Request) -> httpx.Response:
        error.request = request
        raise error

    with pytest.raises(NetworkError, match=words) as caught:
        upload_part(fail)
    assert caught.value.retryable
    assert "uploadId" not in str(caught.value)
    assert tells_no_secret(caught.value)


def test_a_key_with_a_line_break_is_not_quoted_in_the_error() -> None:
    """A damaged answer of 115 may yield a header that cannot be sent; h11 would quote it."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"Illegal header value b'{SECRETS[1]}'", request=request)

    with pytest.raises(NetworkError) as caught:
        upload_part(fail)
    assert not caught.value.retryable
    assert tells_no_secret(caught.value)


def test_an_error_of_the_body_comes_through_as_it_is_and_the_body_is_closed() -> None:
    """A disk error must be told as such, and the file let go at once."""
    closed = []

    async def broken() -> AsyncIterator[bytes]:
        try:
            yield b"cont"
            raise FileChangedError("it was written to")
        finally:
            closed.append(True)

    with pytest.raises(FileChangedError, match="it was written to"):
        asyncio.run(ScriptedOss(stored).bucket().upload_part("key", "UP", 1, broken, 8))
    assert closed == [True]


def test_cancelling_closes_the_body_at_once() -> None:
    """Stop means stop: no reader is left behind for the garbage collector."""
    closed = []
    began: asyncio.Event

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"x"
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    class Stuck(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for _ in request.stream:
                began.set()
                await asyncio.Event().wait()
            raise AssertionError

    async def run() -> None:
        nonlocal began
        began = asyncio.Event()
        http = httpx.AsyncClient(transport=Stuck())
        bucket = OssBucket(http, CredentialsProvider(Keys()), "fhnfile")
        task = asyncio.create_task(bucket.upload_part("key", "UP", 1, pieces, 1 << 30))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed == [True]

    asyncio.run(run())


def test_failing_to_get_keys_is_told_as_115s_error() -> None:
    """Before any request to OSS."""

    async def fetch() -> Any:
        raise NoSpaceError("the drive is full")

    oss = ScriptedOss()
    with pytest.raises(NoSpaceError):
        asyncio.run(oss.bucket(fetch).initiate("key"))


def test_nothing_of_a_whole_upload_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Everything at DEBUG, success and failure."""
    caplog.set_level(logging.DEBUG)
    oss = ScriptedOss(stored, oss_error(500, "InternalError"))
    bucket = oss.bucket()

    async def run() -> None:
        await bucket.upload_part("key", "UP", 1, body(b"x"), 1)
        with pytest.raises(Pan115Error) as caught:
            await bucket.list_parts("key", "UP")
        assert tells_no_secret(caught.value)

    asyncio.run(run())
    assert not any(secret in caplog.text + repr(bucket) for secret in SECRETS)


def test_the_client_waits_long_for_answers_and_short_for_connections() -> None:
    """OSS answers a part late; giving up early is the root cause of most 409s (protocol §4.7)."""
    client = make_http_client(UploadConfig(connect_timeout=7))
    assert (client.timeout.connect, client.timeout.read, client.timeout.pool) == (7, 300, None)
    asyncio.run(client.aclose())
