"""Objects and multipart uploads, as strict as Aliyun's where 115 depends on it (protocol.md §4, §11.3)."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate

from starlette.responses import JSONResponse, Response, StreamingResponse

from ...config import GIB, MAX_PARTS
from ..call import Call, Pacer
from ..digest import RunningHash, base64_md5, is_base64_md5
from ..faults import FaultKind
from ..keys import BUCKET, FormKey, StsKey
from ..object_store import ObjectStore, Segment, StoredObject, Upload
from ..settings import Settings
from . import callback as callbacks
from . import xml
from .part_rules import byte_range, chosen_parts, listed_parts, number_between
from .post_object import check_form
from .signature import SignedRequest, verify
from .xml import OssFault

_MAX_BODY = 5 * GIB
_MAX_COMPLETE_XML = 4 * 1024 * 1024

Handler = Callable[[Call, str, str], Awaitable[Response]]


def operation(method: str, key: str, query: Mapping[str, str]) -> str:
    """The route name of an OSS request."""
    if not key:
        if method == "GET" and "uploads" in query:
            return "list_uploads"
        return "post_object" if method == "POST" else "oss_other"
    if "uploadId" in query:
        by_method = {"PUT": "upload_part", "GET": "list_parts", "POST": "complete", "DELETE": "abort"}
        return by_method.get(method, "oss_other")
    if method == "POST" and "uploads" in query:
        return "initiate"
    return {"PUT": "put_object", "HEAD": "head_object", "GET": "get_object"}.get(method, "oss_other")


class OssService:
    """One OSS service with 115's bucket.

    Args:
        store: Where bytes go.
        find_key: From AccessKeyId to STS key.
        form_key: The key that signs upload forms.
        sender: Posts callbacks.
        settings: Bandwidth and timeouts.
    """

    def __init__(
        self,
        store: ObjectStore,
        find_key: Callable[[str], StsKey | None],
        form_key: FormKey,
        sender: callbacks.CallbackSender,
        settings: Settings,
    ) -> None:
        self._store = store
        self._find_key = find_key
        self._form_key = form_key
        self._sender = sender
        self._settings = settings
        self._pacer = Pacer()
        self._handlers: dict[str, Handler] = {
            "put_object": self._put_object,
            "post_object": self._post_object,
            "initiate": self._initiate,
            "upload_part": self._upload_part,
            "list_parts": self._list_parts,
            "complete": self._complete,
            "abort": self._abort,
            "head_object": self._head_object,
            "get_object": self._get_object,
            "list_uploads": self._list_uploads,
        }

    async def handle(self, call: Call, bucket: str, key: str) -> Response:
        """Answer one request; every error is OSS's XML."""
        try:
            if call.route != "post_object":
                self._authorize(call, bucket, key)
            if bucket != BUCKET:
                raise OssFault(404, "NoSuchBucket", "The specified bucket does not exist.", BucketName=bucket)
            handler = self._handlers.get(call.route)
            if handler is None:
                raise OssFault(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
            if len(key.encode()) > 1023 or key.startswith(("/", "\\")):
                raise OssFault(400, "InvalidObjectName", "The specified object is not valid.", ObjectName=key)
            reply = await handler(call, bucket, key)
        except OssFault as fault:
            reply = fault_reply(call, fault)
        reply.headers["x-oss-request-id"] = call.request_id
        reply.headers["server"] = "AliyunOSS"
        return reply

    def _authorize(self, call: Call, bucket: str, key: str) -> None:
        host_label = call.headers.get("host", "").split(":")[0].split(".")[0]
        signed = SignedRequest(call.method, bucket, key, call.query_pairs, call.headers, f"/{host_label}{call.path}")
        verify(signed, self._find_key, time.time())

    # -- one request, one object

    async def _put_object(self, call: Call, bucket: str, key: str) -> Response:
        callback = self._callback(call.headers, call.query)
        self._forbid_overwrite(call, bucket, key)
        segment = await self._receive(call, RunningHash.start(), "Post body size must be less than 5G.")
        stored = self._store.single(bucket, key, call.headers.get("content-type", ""), segment)
        self._store.put(stored)
        call.note(f"{key[:8]}… SHA-1 {stored.sha1[:8]}…")
        headers = {"content-md5": base64_md5(stored.md5)}
        return await self._finish(call, stored, callback, Response(status_code=200, headers=headers))

    async def _post_object(self, call: Call, bucket: str, key: str) -> Response:
        form = await check_form(call.stream(self._paced), call.headers, self._form_key, bucket, time.time())
        callback = self._callback({"x-oss-callback": form.fields.get("callback", "")}, {}, form.callback_variables)
        segment = await self._store.receive(form.file(), RunningHash.start())
        try:
            form.check_size(segment.digest.size)
        except OssFault:
            self._store.discard(segment.name)
            raise
        stored = self._store.single(bucket, form.key, form.file_type, segment)
        self._store.put(stored)
        status = int(form.fields.get("success_action_status", "204"))
        body = xml.post_xml(bucket, form.key, f'"{stored.etag}"', call.path) if status == 201 else ""
        plain = Response(body, status if status in (200, 201) else 204, media_type="application/xml")
        return await self._finish(call, stored, callback, plain)

    # -- multipart uploads

    async def _initiate(self, call: Call, bucket: str, key: str) -> Response:
        self._forbid_overwrite(call, bucket, key)
        sequential = "sequential" in call.query
        mime = call.headers.get("content-type", "") or "application/octet-stream"
        upload = self._store.initiate(bucket, key, mime, sequential=sequential)
        call.note(f"upload_id {upload.upload_id[:8]}…{', sequential' if sequential else ''}")
        encoded = call.query.get("encoding-type") == "url"
        return _xml(xml.initiate_xml(bucket, key, upload.upload_id, url_encoded=encoded))

    async def _upload_part(self, call: Call, bucket: str, key: str) -> Response:
        number = self._part_number(call.query.get("partNumber", ""))
        upload = self._find(call, bucket, key)
        call.note(f"part {number} of {upload.upload_id[:8]}…")
        self._check_order(upload, number)
        before = await self._store.running(upload, number - 1) if upload.sequential else None
        segment = await self._receive(call, before, "Your proposed upload exceeds the maximum allowed size.")
        try:
            # While the body came in, another attempt may have stored this part or ended the upload.
            self._check_order(self._find(call, bucket, key), number)
            if segment.digest.size == 0:
                raise xml.invalid_argument("Part size must be larger than 0.", "partNumber", str(number))
        except OssFault:
            self._store.discard(segment.name)
            raise
        part = self._store.add_part(upload, number, segment)
        headers = {
            "etag": f'"{part.md5}"',
            "content-md5": base64_md5(part.md5),
            "x-oss-hash-crc64ecma": self._crc(call, part.crc64),
        }
        return Response(status_code=200, headers=headers)

    def _check_order(self, upload: Upload, number: int) -> None:
        if not upload.sequential:
            return
        last = self._store.last_number(upload.upload_id)
        if number <= last:
            raise xml.part_already_exist(number)
        if number > last + 1:
            raise xml.part_not_sequential(number)

    async def _list_parts(self, call: Call, bucket: str, key: str) -> Response:
        upload = self._find(call, bucket, key)
        limit = number_between(call.query.get("max-parts", ""), "max-parts", 1, 1000, 1000)
        marker = number_between(call.query.get("part-number-marker", ""), "part-number-marker", 0, MAX_PARTS, 0)
        parts = self._store.parts(upload.upload_id, after=marker, limit=limit + 1)
        page = xml.PartPage(
            marker, limit, parts[:limit], len(parts) > limit, call.query.get("encoding-type") == "url"
        )
        call.note(f"{len(page.parts)} parts after {marker}{', more follow' if page.truncated else ''}")
        return _xml(xml.list_parts_xml(upload, page))

    async def _complete(self, call: Call, bucket: str, key: str) -> Response:
        upload = self._find(call, bucket, key)
        body = await call.body(_MAX_COMPLETE_XML)
        callback = self._callback(call.headers, call.query)
        self._forbid_overwrite(call, bucket, key)
        stored_parts = self._store.parts(upload.upload_id)
        if call.headers.get("x-oss-complete-all", "") == "yes" and not body:
            listed = [(p.number, p.md5) for p in stored_parts]
        else:
            listed = listed_parts(body)
        parts = chosen_parts(listed, stored_parts, sequential=upload.sequential)
        claimed = call.headers.get("x-oss-hash-sha1", "")
        if claimed and not upload.sequential:
            raise OssFault(400, "Sha1CheckNotSupport", "SHA1 check is not supported for this upload.")
        if claimed:
            known = await self._store.running(upload, len(parts))
            if known.sha1.hexdigest().upper() != claimed.upper():
                raise OssFault(400, "Sha1NotMatch", "The SHA1 you specified did not match what we received.")
        # Re-read after the last await: a second Complete may have won.
        self._find(call, bucket, key)
        stored = await self._store.complete(upload, parts)
        call.note(f"{len(parts)} parts, SHA-1 {stored.sha1[:8] + '…' if stored.sha1 else 'unknown: not sequential'}")
        location = f"http://{call.headers.get('host', '')}{call.path}"
        plain = _xml(xml.complete_xml(bucket, key, f'"{stored.etag}"', location))
        return await self._finish(call, stored, callback, plain)

    async def _abort(self, call: Call, bucket: str, key: str) -> Response:
        upload = self._find(call, bucket, key)
        self._store.abort(upload)
        call.note(f"{upload.upload_id[:8]}…")
        return Response(status_code=204)

    async def _list_uploads(self, call: Call, bucket: str, key: str) -> Response:
        limit = number_between(call.query.get("max-uploads", ""), "max-uploads", 1, 1000, 1000)
        prefix = call.query.get("prefix", "")
        after = (call.query.get("key-marker", ""), call.query.get("upload-id-marker", ""))
        # Without an upload-id-marker the page starts after the key itself.
        found = [
            u
            for u in self._store.uploads()
            if u.bucket == bucket
            and u.key.startswith(prefix)
            and ((u.key, u.upload_id) > after if after[1] else u.key > after[0])
        ]
        page = xml.UploadPage(bucket, prefix, *after, limit, found[:limit], len(found) > limit)
        return _xml(xml.list_uploads_xml(page))

    # -- reading

    async def _head_object(self, call: Call, bucket: str, key: str) -> Response:
        stored = self._object(bucket, key)
        headers = await self._object_headers(stored)
        return Response(status_code=200, headers=headers | {"content-length": str(stored.size)})

    async def _get_object(self, call: Call, bucket: str, key: str) -> Response:
        stored = self._object(bucket, key)
        headers = await self._object_headers(stored)
        start, end, status = byte_range(call.headers.get("range", ""), stored.size)
        if status == 206:
            headers["content-range"] = f"bytes {start}-{end - 1}/{stored.size}"
        headers["content-length"] = str(end - start)
        return StreamingResponse(self._store.read(stored.segments, start, end - start), status, headers)

    async def _object_headers(self, stored: StoredObject) -> dict[str, str]:
        md5 = await self._store.md5(stored)
        return {
            "etag": f'"{stored.etag}"',
            "content-type": stored.mime,
            "last-modified": formatdate(stored.stored_at, usegmt=True),
            "x-oss-hash-crc64ecma": str(stored.crc64),
            "x-oss-object-type": "Multipart" if "-" in stored.etag else "Normal",
            "x-oss-storage-class": "Standard",
            "accept-ranges": "bytes",
            **({"content-md5": base64_md5(md5)} if md5 else {}),
        }

    def _object(self, bucket: str, key: str) -> StoredObject:
        stored = self._store.object(bucket, key)
        if stored is None:
            raise OssFault(404, "NoSuchKey", "The specified key does not exist.", "0026-00000001", Key=key)
        return stored

    # -- shared steps

    def _callback(
        self, headers: Mapping[str, str], query: Mapping[str, str], variables: str = ""
    ) -> callbacks.Callback | None:
        text = headers.get("x-oss-callback") or query.get("callback", "")
        if not text:
            return None
        found = headers.get("x-oss-callback-var") or query.get("callback-var", "") or variables
        return callbacks.parse(text, found)

    async def _finish(
        self, call: Call, stored: StoredObject, callback: callbacks.Callback | None, plain: Response
    ) -> Response:
        """The reply to a stored object: 115's words if there is a callback, else OSS's own."""
        reply = plain
        fault = call.fault
        if fault is not None and fault.kind is FaultKind.CALLBACK_203:
            if callback is not None and fault["told"]:
                await self._fire(call, stored, callback)
            raise xml.callback_failed(fault["message"])
        if fault is not None and fault.kind is FaultKind.STATE_FALSE:
            reply = JSONResponse({"state": False, "code": fault["code"], "message": fault["message"]})
        elif callback is not None:
            said = await self._fire(call, stored, callback)
            reply = Response(said, 200, plain.headers, media_type="application/json")
            reply.headers["content-type"] = "application/json"
            reply.headers["content-length"] = str(len(said))
        reply.headers["etag"] = f'"{stored.etag}"'
        reply.headers["x-oss-hash-crc64ecma"] = self._crc(call, stored.crc64)
        return reply

    async def _fire(self, call: Call, stored: StoredObject, callback: callbacks.Callback) -> bytes:
        system: dict[str, str | int] = {
            "bucket": stored.bucket,
            "object": stored.key,
            "etag": stored.etag,
            "size": stored.size,
            "mimeType": stored.mime,
            "crc64": str(stored.crc64),
            "contentMd5": base64_md5(stored.md5) if stored.md5 else "",
            "sha1": stored.sha1,
            "reqId": call.request_id,
            "clientIp": call.request.client.host if call.request.client else "",
            "operation": "CompleteMultipartUpload" if call.route == "complete" else "PutObject",
        }
        headers = {"x-oss-bucket": stored.bucket, "x-oss-request-id": call.request_id}
        body = callback.fill(system)
        try:
            return await self._sender.fire(callback, body, headers, self._settings.callback_timeout)
        except OssFault as fault:
            call.note(f"callback: {fault.message}")
            raise

    async def _receive(self, call: Call, before: RunningHash | None, too_large: str) -> Segment:
        length = call.headers.get("content-length")
        if length is None and call.headers.get("transfer-encoding", "") != "chunked":
            raise OssFault(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if length is not None and int(length) > _MAX_BODY:
            if call.route == "upload_part":
                raise OssFault(400, "EntityTooLarge", too_large, MaxSizeAllowed=str(_MAX_BODY))
            raise xml.invalid_argument(too_large)
        wanted = call.headers.get("content-md5", "")
        if wanted and not is_base64_md5(wanted):
            raise xml.invalid_digest()
        segment = await self._store.receive(call.stream(self._paced), before)
        if wanted and wanted != base64_md5(segment.digest.md5):
            self._store.discard(segment.name)
            raise xml.invalid_digest()
        return segment

    async def _paced(self, size: int) -> None:
        delay = self._pacer.delay(size, self._settings.bandwidth, time.monotonic())
        if delay > 0:
            await asyncio.sleep(delay)

    def _find(self, call: Call, bucket: str, key: str) -> Upload:
        upload_id = call.query["uploadId"]
        upload = self._store.upload(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket, key):
            raise xml.no_such_upload(upload_id)
        return upload

    def _part_number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PARTS):
            raise xml.invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive.", "partNumber", text
            )
        return int(text)

    def _forbid_overwrite(self, call: Call, bucket: str, key: str) -> None:
        if call.headers.get("x-oss-forbid-overwrite") == "true" and self._store.object(bucket, key):
            raise OssFault(
                409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
            )

    async def close(self) -> None:
        """Drop the callback's kept connections."""
        await self._sender.close()

    def _crc(self, call: Call, value: int) -> str:
        wrong = call.fault is not None and call.fault.kind is FaultKind.WRONG_CRC
        return str(value ^ 1 if wrong else value)


def fault_reply(call: Call, fault: OssFault) -> Response:
    """An error as OSS sends it; for HEAD the XML is in a header (protocol.md §4.7)."""
    host_id = call.headers.get("host", "")
    body = xml.error_xml(fault, request_id=call.request_id, host_id=host_id)
    call.note(fault.code)
    headers = {"x-oss-ec": fault.ec} if fault.ec else {}
    headers["x-oss-request-id"] = call.request_id
    if call.method == "HEAD":
        headers["x-oss-err"] = base64.b64encode(body.encode()).decode()
        return Response(status_code=fault.status, headers=headers)
    return Response(body, fault.status, headers, media_type="application/xml")


def _xml(text: str) -> Response:
    return Response(text, 200, media_type="application/xml")
