"""The six calls to OSS that an upload needs (protocol.md §4.2), over httpx, signed by oss2.

Each is sent once.  The only repetition here is with new STS keys, when OSS says that the present ones are stale; any
other retry is decided by who knows the whole upload.  All errors are :class:`~pan115kit.errors.Pan115Error`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import reduce
from urllib.parse import urlsplit

import httpx

from ..errors import FileChangedError, NetworkError, NoSuchUploadError, OssError
from ..i18n import say
from ..models import OssToken, Part
from . import responses
from .crc64 import crc64, crc64_combine
from .responses import CallbackReply
from .signing import Call, Callback, SignedCall, sign
from .sts_keys import CredentialsProvider

#: Makes the bytes of one request, from the start each time it is sent.
Body = Callable[[], AsyncIterator[bytes | memoryview]]

#: Parts on one page of ListParts (protocol.md §4.2).
_PAGE = 1000


class OssBucket:
    """One bucket, reached at the endpoint that the STS keys name.

    Args:
        http: From :func:`pan115kit.oss.transport.make_http_client`.
        credentials: The account's STS keys.
        bucket: Its name, from the upload ticket.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        credentials: CredentialsProvider,
        bucket: str,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self.name = bucket

    def __repr__(self) -> str:
        return f"<OssBucket {self.name!r}>"

    async def put_object(self, key: str, body: Body, size: int, callback: Callback | None) -> CallbackReply:
        """Send a whole file in one request.

        Args:
            key: Object key from the upload ticket.
            body: Makes the bytes.
            size: Bytes; at most 5 GiB.
            callback: How OSS tells 115; without it the reply is empty but for the CRC.

        Raises:
            CallbackFailedError: Stored, but 115 was not told (203).
            VerificationError: 115 found other content than was claimed (10002).
            DriveError: 115 refuses the file.
            ChecksumMismatchError: OSS stored other bytes than were sent.
            OssError: OSS refuses.
            NetworkError: No (whole) answer.
        """
        call = Call("PutObject", "PUT", key, {}, callback.headers() if callback else {})
        reply, sent = await self._send(call, body, size)
        crc = responses.check_crc(reply, sent, call.name)
        return responses.callback_reply(reply, crc) if callback else CallbackReply(crc64=crc)

    async def initiate(self, key: str, *, sequential: bool = True) -> str:
        """Begin a multipart upload and return its upload id.

        Args:
            key: Object key from the upload ticket.
            sequential: 115 needs it: without, OSS knows no SHA-1 and 115 refuses the file (protocol.md §4.3).

        Raises:
            OssError: OSS refuses.
            NetworkError: No answer.
        """
        params = {"sequential": "", "uploads": ""} if sequential else {"uploads": ""}
        reply, _ = await self._send(Call("InitiateMultipartUpload", "POST", key, params, {}))
        return responses.upload_id_from(reply)

    async def upload_part(self, key: str, upload_id: str, number: int, body: Body, size: int) -> Part:
        """Send one part.

        Args:
            key: Object key.
            upload_id: From :meth:`initiate`.
            number: 1 to 10,000; in sequential mode one more than the last.
            body: Makes the bytes.
            size: Bytes.

        Raises:
            PartAlreadyExistError: OSS has this part (409); a lost reply, perhaps.
            PartNotSequentialError: One before it is missing.
            NoSuchUploadError: The upload id is dead.
            ChecksumMismatchError: OSS stored other bytes than were sent.
            OssError: OSS refuses.
            NetworkError: No answer; the part may have arrived.
        """
        params = {"partNumber": str(number), "uploadId": upload_id}
        call = Call(f"UploadPart {number}", "PUT", key, params, {})
        reply, sent = await self._send(call, body, size)
        crc = responses.check_crc(reply, sent, call.name)
        etag = responses.clean_etag(reply.headers.get("ETag", ""))
        if not etag:
            raise OssError(
                say("oss.no_etag", number=number),
                status=reply.status_code,
                request_id=reply.headers.get("x-oss-request-id", ""),
                hint=say("oss.no_etag.hint"),
                retryable=True,
            )
        return Part(number, size, etag, crc)

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """Every part that OSS has, in order of their numbers; as many pages as it takes.

        Raises:
            NoSuchUploadError: The upload id is dead.
            OssError: OSS refuses, or its pages do not advance.
            NetworkError: No answer.
        """
        parts: list[Part] = []
        marker = 0
        while True:
            params = {"max-parts": str(_PAGE), "part-number-marker": str(marker), "uploadId": upload_id}
            reply, _ = await self._send(Call("ListParts", "GET", key, params, {}))
            page, following = responses.parts_from(reply)
            parts += page
            if following is None:
                return sorted(parts, key=lambda part: part.number)
            if following <= marker:
                raise OssError(
                    say("oss.list_does_not_advance", number=marker),
                    status=reply.status_code,
                    hint=say("oss.list_does_not_advance.hint"),
                    retryable=True,
                )
            marker = following

    async def complete(
        self, key: str, upload_id: str, parts: Sequence[Part], callback: Callback | None
    ) -> CallbackReply:
        """Make the object of its parts and let OSS tell 115.

        Raises:
            CallbackFailedError: The object is made, but 115 was not told (203); the upload id is gone.
            VerificationError: 115 found other content than was claimed (10002).
            DriveError: 115 refuses the file.
            ChecksumMismatchError: The object is not what its parts are.
            NoSuchUploadError: Completed already, aborted or expired.
            OssError: OSS refuses.
            NetworkError: No answer; the file may be complete.
        """
        content = responses.complete_body(parts)

        async def body() -> AsyncIterator[bytes]:
            yield content

        headers = callback.headers() if callback else {}
        call = Call("CompleteMultipartUpload", "POST", key, {"uploadId": upload_id}, headers)
        reply, _ = await self._send(call, body, len(content))
        crc = responses.check_crc(reply, combined_crc(parts), call.name)
        return responses.callback_reply(reply, crc) if callback else CallbackReply(crc64=crc)

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop a multipart upload and its parts; one that is gone already counts as done.

        Raises:
            OssError: OSS refuses.
            NetworkError: No answer.
        """
        try:
            reply, _ = await self._send(Call("AbortMultipartUpload", "DELETE", key, {"uploadId": upload_id}, {}))
        except NoSuchUploadError:
            return
        if reply.status_code != 204:
            raise OssError(
                say("oss.abort_not_confirmed", status=reply.status_code),
                status=reply.status_code,
                hint=say("oss.something_in_the_way.hint"),
                retryable=True,
            )

    async def _send(self, call: Call, body: Body | None = None, size: int = 0) -> tuple[httpx.Response, int | None]:
        """Send ``call``, once more with new keys if need be; the answer and the CRC-64 of what was sent."""
        token = await self._credentials.get()
        reply, crc = await self._exchange(call, token, body, size)
        if responses.needs_new_keys(reply):
            token = await self._credentials.renew(token)
            reply, crc = await self._exchange(call, token, body, size)
        if reply.status_code not in (200, 204):
            raise responses.error_from(reply, call.name, time.time())
        return reply, crc

    async def _exchange(
        self, call: Call, token: OssToken, body: Body | None, size: int
    ) -> tuple[httpx.Response, int | None]:
        signed = sign(call, token, self.name)
        content = None if body is None else _CountedBody(body(), size)
        try:
            reply = await self._answer(call, signed, content, size)
        finally:
            if content is not None:
                await content.stop()
        return reply, None if content is None else content.crc

    async def _answer(
        self, call: Call, signed: SignedCall, content: _CountedBody | None, size: int
    ) -> httpx.Response:
        """Send and read the answer; what httpx raises becomes ours, without its request and so its headers."""
        failure: httpx.HTTPError | httpx.InvalidURL
        try:
            return await self._http.send(self._build(call, signed, content, size))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = error
        raise network_error(failure, call.name, urlsplit(signed.url).netloc)

    def _build(self, call: Call, signed: SignedCall, content: _CountedBody | None, size: int) -> httpx.Request:
        # Set by hand, the length keeps httpx from sending the body chunked.
        headers = {**signed.headers, "Content-Length": str(size)} if call.method != "GET" else signed.headers
        return self._http.build_request(call.method, signed.url, headers=headers, content=content)


class _CountedBody(httpx.AsyncByteStream):
    """A body that must have its promised length; the CRC-64 is taken as the bytes pass (27 GB/s, no copy)."""

    def __init__(self, pieces: AsyncIterator[bytes | memoryview], size: int) -> None:
        self._pieces = pieces
        self._left = size
        self.crc = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces, None)
        if piece is None:
            if self._left:
                raise FileChangedError(
                    say("oss.body_too_short", count=self._left), hint=say("oss.file_changing.hint")
                )
            raise StopAsyncIteration
        self._left -= len(piece)
        if self._left < 0:
            raise FileChangedError(say("oss.body_too_long", count=-self._left), hint=say("oss.file_changing.hint"))
        self.crc = crc64(piece, self.crc)
        return piece  # type: ignore[return-value]  # h11 takes memoryviews, httpx's annotation does not say so

    async def stop(self) -> None:
        """Let go of the file now, not when the garbage collector comes by."""
        if (close := getattr(self._pieces, "aclose", None)) is not None:
            await close()


def combined_crc(parts: Sequence[Part]) -> int | None:
    """The CRC-64 of an object from its parts', or None where one is not known."""
    known = [(part.crc64, part.size) for part in sorted(parts, key=lambda part: part.number)]
    if any(crc is None for crc, _ in known):
        return None
    return reduce(lambda whole, part: crc64_combine(whole, part[0] or 0, part[1]), known, 0)


def network_error(error: httpx.HTTPError | httpx.InvalidURL, what: str, host: str) -> NetworkError:
    """The error for a request without an answer; names the host, neither query nor headers."""
    match error:
        case httpx.ConnectTimeout() | httpx.ConnectError():
            message = say("network.cannot_connect", what=what, host=host)
        case httpx.ReadTimeout():
            message = say("network.no_answer", what=what, host=host)
        case httpx.WriteTimeout():
            message = say("network.takes_no_more", what=what, host=host)
        case httpx.ProxyError():
            message = say("network.proxy_refuses", what=what, host=host)
        case httpx.LocalProtocolError() | httpx.InvalidURL():
            # Its text may quote a header.
            return NetworkError(say("network.no_valid_request", what=what, host=host), retryable=False)
        case _:
            message = say("network.broke", what=what, host=host)
    return NetworkError(message, hint=str(error))
