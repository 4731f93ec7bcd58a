"""Download links on all routes, and the host that the links lead to (protocol-drive.md D3)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from http.cookies import CookieError, SimpleCookie

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ..call import Call, Pacer
from ..object_store import StoredObject
from .links import DOWNLOAD_HOST_PATH, ByteRange, DownloadLink, DownloadLinks, LinkRefused, requested_range
from .replies import DriveError, Endpoint, Refusal, answer, cookie_ok, open_error, open_ok
from .service import DriveService
from .tree import Area, Entry

_APPS = "android|ios|115android|115ios|115ipad|harmony|os_windows|os_mac|os_linux"
_NO_PICK_CODE = Refusal(50003, "很抱歉，该文件提取码不存在。")
_DELETED = Refusal(70005, "文件已删除。")
_FOLDER = Refusal(50015, "文件不存在或已经删除！")
_TOO_LARGE = Refusal(50028, "文件大小超出限制，请使用115电脑端下载")
_QUOTA = Refusal(406, "已达到当前访问上限，请稍后再试")
_HANG_STEP = 0.05
#: Bytes that a paced download sends at once.
_PACED = 64 * 1024


class DownloadRouter:
    """downurl and its kin, and ``/cdnfhnfile/…``."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._pacer = Pacer()

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        cookie, token = self._drive.by_cookie, self._drive.by_token
        return [
            ("GET", r"/files/download", "files_download", cookie(self._web)),
            ("POST", r"/files/download", "files_download", cookie(self._web_encrypted)),
            ("POST", r"/app/(?:2\.0/)?chrome/downurl", "chrome_downurl", cookie(self._chrome)),
            ("POST", rf"/(?:{_APPS})/2\.0/ufile/download", "app_download", cookie(self._app)),
            ("POST", r"/open/ufile/downurl", "open_downurl", token(self._open)),
            ("GET", rf"{DOWNLOAD_HOST_PATH}/[0-9a-f]{{56}}/[^/]+", "download", self._download),
        ]

    # -- links

    def _link(self, call: Call, entry: Entry, bound: int, tag: str) -> DownloadLink:
        left = self._drive.settings.links_left
        if left is not None:
            if left <= 0:
                raise DriveError(_QUOTA.code, _QUOTA.message)
            self._drive.settings.links_left = left - 1
        agent = call.headers.get("user-agent", "")
        return self._drive.links.make(entry, agent, bound=bound, tag=tag, now=time.time())

    def _wanted(self, pick_code: str) -> Entry | Refusal:
        entry = self._drive.tree.by_pick_code(pick_code, area=None)
        if entry is None:
            return _NO_PICK_CODE
        return _DELETED if entry.area != Area.DRIVE else entry

    async def _web(self, call: Call) -> Response:
        """Plain JSON, up to 200 MB; its refusals are in ``msg`` and ``msg_code``."""
        entry = self._web_wanted(call.query.get("pickcode", ""))
        if isinstance(entry, Entry) and entry.size > self._drive.settings.web_link_limit:
            entry = _TOO_LARGE
        if isinstance(entry, Refusal):
            call.note(str(entry.code))
            return answer({"state": False, "msg": entry.message, "msg_code": entry.code})
        fields, link = self._web_fields(call, entry)
        if call.query.get("dl") == "1":
            fields["file_url_302"] = self._drive.links.make(entry, "", bound=0, tag="302", now=time.time()).url
        reply = cookie_ok(user_id=self._drive.accounts.user_id, msg_code=0, **fields)
        return _with_cookies(reply, [link])

    async def _web_encrypted(self, call: Call) -> Response:
        """The same by POST, encrypted as chrome's, without a limit (p115client 0.0.9.7)."""
        pick_code, client_key = await self._m115(call, "pickcode")
        entry = self._web_wanted(pick_code)
        if isinstance(entry, Refusal):
            call.note(str(entry.code))
            return answer({"state": False, "msg": entry.message, "msg_code": entry.code})
        fields, link = self._web_fields(call, entry)
        return _with_cookies(self._reply(fields, client_key), [link])

    def _web_wanted(self, pick_code: str) -> Entry | Refusal:
        entry = self._wanted(pick_code)
        return _FOLDER if isinstance(entry, Entry) and entry.is_dir else entry

    def _web_fields(self, call: Call, entry: Entry) -> tuple[dict[str, object], DownloadLink]:
        call.note(entry.name)
        link = self._link(call, entry, self._drive.settings.link_bound, "0-0-0")
        fields: dict[str, object] = {
            "file_id": str(entry.file_id),
            "file_name": entry.name,
            "file_size": str(entry.size),
            "pickcode": entry.pick_code,
            "is_115chrome": 0,
            "is_snap": 0,
            "is_vip": 1,
            "file_url": link.url,
        }
        return fields, link

    async def _chrome(self, call: Call) -> Response:
        pick_codes, client_key = await self._m115(call, "pickcode")
        found: dict[str, object] = {}
        links: list[DownloadLink] = []
        for pick_code in pick_codes.split(","):
            entry = self._wanted(pick_code.strip())
            if isinstance(entry, Refusal):
                call.note(str(entry.code))
                if "," not in pick_codes:
                    return _app_error(entry)
                continue
            call.note(entry.name)
            item: dict[str, object] = {
                "file_name": entry.name,
                "file_size": str(entry.size),
                "pick_code": entry.pick_code,
                "sha1": entry.sha1,
                "url": False,
            }
            if not entry.is_dir:
                link = self._link(call, entry, self._drive.settings.link_bound, "1-0-0")
                links.append(link)
                oss_id = link.path.removeprefix("/")
                item["url"] = {"url": link.url, "client": 1, "desc": None, "isp": None, "oss_id": oss_id, "ooid": ""}
            found[str(entry.file_id)] = item
        return _with_cookies(self._reply(found, client_key), links)

    async def _app(self, call: Call) -> Response:
        pick_code, client_key = await self._m115(call, "pick_code")
        entry = self._wanted(pick_code)
        if isinstance(entry, Entry) and entry.is_dir:
            entry = _FOLDER
        if isinstance(entry, Refusal):
            call.note(str(entry.code))
            return _app_error(entry)
        call.note(entry.name)
        link = self._link(call, entry, self._drive.settings.link_bound, "2-0-0")
        return _with_cookies(self._reply({"url": link.url}, client_key), [link])

    async def _m115(self, call: Call, name: str) -> tuple[str, bytes]:
        """A field of an encrypted request, and the client's key for the reply."""
        try:
            plain, client_key = self._drive.m115.open_request((await call.form()).get("data", ""))
            fields = json.loads(plain)
            return str(fields[name]), client_key
        except (ValueError, KeyError, TypeError):
            # For another key, not encrypted, or without the field: to 115 it is all the same.
            call.note("not encrypted for this server")
            raise DriveError(990002, "参数错误。") from None

    def _reply(self, data: dict[str, object], client_key: bytes) -> Response:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        hidden = self._drive.m115.make_reply(text.encode(), client_key)
        return answer({"state": True, "msg": "", "errno": 0, "data": hidden})

    async def _open(self, call: Call) -> Response:
        """``pick_code`` comes in the body; in the query the call hangs (D0.13)."""
        pick_codes = (await call.form()).get("pick_code", "")
        if not pick_codes:
            call.note("no pick_code in the body: it hangs")
            give_up = time.monotonic() + self._drive.settings.empty_body_hang
            while not call.client_gone():
                if time.monotonic() >= give_up:
                    break
                await asyncio.sleep(_HANG_STEP)
            return open_error(Refusal(990002, "参数错误。"))
        found: dict[str, object] = {}
        links: list[DownloadLink] = []
        for pick_code in pick_codes.split(","):
            entry = self._wanted(pick_code.strip())
            if isinstance(entry, Refusal) or entry.is_dir:
                continue
            call.note(entry.name)
            link = self._link(call, entry, self._drive.settings.link_bound_open, "1-1-100195125")
            links.append(link)
            found[str(entry.file_id)] = {
                "file_name": entry.name,
                "file_size": entry.size,
                "pick_code": entry.pick_code,
                "sha1": entry.sha1,
                "url": {"url": link.url},
            }
        return _with_cookies(open_ok(found or []), links)

    # -- the download host

    async def _download(self, call: Call) -> Response:
        name = call.path.split("/")[2]
        stored = self._drive.uploads.content(name[:40].upper(), int(name[40:], 16))
        links = self._drive.links
        try:
            links.check(name, call.query, call.headers.get("user-agent", ""), _cookies(call), time.time())
            if stored is None:  # 115 knows the content by its hash alone
                call.note("no bytes here")
                return JSONResponse({"status": 404, "message": "object not found"}, 404)
            wanted = requested_range(call.headers.get("range", ""), stored.size)
            headers = _headers(stored, wanted)
            if wanted.status == 416 or call.method == "HEAD":
                return Response(status_code=wanted.status, headers=headers)
            links.open(call.query["k"])
        except LinkRefused as refused:
            call.note(refused.message)
            return JSONResponse({"status": 403, "message": refused.message}, 403)
        call.note(f"bytes {wanted.start}-{wanted.end - 1} of {stored.size}")
        return _Download(links, call.query["k"], self._bytes(stored, wanted), wanted.status, headers)

    async def _bytes(self, stored: StoredObject, wanted: ByteRange) -> AsyncIterator[bytes]:
        for chunk in self._drive.store.read(stored.segments, wanted.start, wanted.end - wanted.start):
            bandwidth = self._drive.settings.download_bandwidth
            if not bandwidth:
                yield chunk
                continue
            for start in range(0, len(chunk), _PACED):
                piece = chunk[start : start + _PACED]
                delay = self._pacer.delay(len(piece), self._drive.settings.download_bandwidth, time.monotonic())
                if delay > 0:
                    await asyncio.sleep(delay)
                yield piece


class _Download(StreamingResponse):
    """The bytes of a link, which counts as open until they have gone, or the client has."""

    def __init__(
        self,
        links: DownloadLinks,
        key: str,
        content: AsyncIterator[bytes],
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(content, status, headers)
        self._links = links
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._links.close(self._key)


def _headers(stored: StoredObject, wanted: ByteRange) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "content-type": "application/octet-stream",
        # Not the SHA-1: a download is verified by size and SHA-1 of what came (D3.3).
        "etag": f'"{stored.etag}"',
        "last-modified": formatdate(stored.stored_at, usegmt=True),
        "content-length": str(wanted.end - wanted.start),
    }
    if wanted.status == 206:
        headers["content-range"] = f"bytes {wanted.start}-{wanted.end - 1}/{stored.size}"
    elif wanted.status == 416:
        headers["content-range"] = f"bytes */{stored.size}"
    return headers


def _cookies(call: Call) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(call.headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _app_error(refusal: Refusal) -> Response:
    return answer({"state": False, "msg": refusal.message, "errno": refusal.code, "error": refusal.message})


def _with_cookies(reply: Response, links: list[DownloadLink]) -> Response:
    for link in links:
        if link.set_cookie is not None:
            reply.headers.append("set-cookie", link.set_cookie)
    return reply
