"""The traffic, as data and as a story to read: one look shows how 115 works.

Example:
    >>> story = Story()
    >>> record = story.begin("PUT", "upload_part", "/fhnfile/key")
    >>> story.note(record, "part 1"); story.end(record, status=200, received=10, sent=0)
    >>> story.count("upload_part"), story.records()[0].summary
    (1, 'part 1')
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..i18n import both, format_bytes

_KEEP = 20_000
#: Query parameters that hold no secret.
_SHOWN = frozenset(
    {
        *("uploads", "sequential", "partNumber", "uploadId", "part-number-marker", "max-parts", "prefix"),
        *("key-marker", "upload-id-marker", "max-uploads", "path", "parent_id", "is_create", "cid", "offset"),
        *("limit", "o", "asc", "show_dir", "file_id", "search_value", "ct", "ac"),
    }
)


@dataclass(slots=True)
class RequestRecord:
    """One request.

    Attributes:
        number: 1, 2, 3 … in the order of arrival.
        time: Epoch seconds at arrival.
        route: Its name in ``ROUTES``.
        path: Path without the query.
        query: What of the query may be shown: no keys, tokens, signatures.
        summary: What happened, in words.
        status: HTTP status; 0 while it runs or when the connection was cut.
        received: Bytes of the body that came in.
        sent: Bytes of the body that went out.
        seconds: From arrival to the last byte of the reply.
    """

    number: int
    time: float
    method: str
    route: str
    path: str
    query: str = ""
    summary: str = ""
    status: int = 0
    received: int = 0
    sent: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Story:
    """Every request since the start; the oldest are forgotten after 20,000, the counts are not."""

    _records: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=_KEEP))
    _counts: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, method: str, route: str, path: str, query: Iterable[tuple[str, str]] = ()) -> RequestRecord:
        """A request has come in; of its query only what is no secret is kept."""
        shown = "&".join(f"{k}={v}" if v else k for k, v in query if k in _SHOWN)
        with self._lock:
            self._number += 1
            self._counts[route] += 1
            record = RequestRecord(self._number, time.time(), method, route, path, shown)
            self._records.append(record)
        return record

    def note(self, record: RequestRecord, text: str) -> None:
        """Add words to a request."""
        with self._lock:
            record.summary = f"{record.summary}; {text}" if record.summary else text

    def end(self, record: RequestRecord, *, status: int, received: int, sent: int) -> None:
        """Its reply has gone (status 0: the connection was cut)."""
        with self._lock:
            record.status, record.received, record.sent = status, received, sent
            record.seconds = time.time() - record.time

    def records(self, after: int = 0) -> list[RequestRecord]:
        """Copies of the requests numbered above ``after``, oldest first."""
        with self._lock:
            return [replace(r) for r in self._records if r.number > after]

    def count(self, route: str) -> int:
        """How many requests of this route arrived."""
        with self._lock:
            return self._counts[route]

    def clear(self) -> None:
        """Forget requests and counts, for the next experiment."""
        with self._lock:
            self._records.clear()
            self._counts.clear()

    def text(self) -> str:
        """The story, one line a request."""
        return "\n".join(line(r) for r in self.records())


def line(record: RequestRecord) -> str:
    """A request in one line.

    Example:
        >>> "upload_part" in line(RequestRecord(1, 0.0, "PUT", "upload_part", "/b/k", status=200))
        True
    """
    clock = time.strftime("%H:%M:%S", time.localtime(record.time)) + f".{int(record.time % 1 * 1000):03d}"
    side = "OSS" if record.route in OSS_TITLES else "115"
    status = str(record.status) if record.status else "—"
    size = format_bytes(record.received) if record.received else ""
    title = {**DRIVE_TITLES, **OSS_TITLES}.get(record.route, ("", ""))
    words = "：".join(w for w in (both(*title), record.summary) if w)
    return f"{clock}  {side}  {record.method:<6} {record.route:<15} {status:>3}  {size:>8}  {words}"


#: What each route is for (zh, en).
DRIVE_TITLES = {
    "uploadinfo": ("查用户 key 和限额", "who am I, which limits"),
    "getuploadinfo": ("查 OSS 地址", "where is OSS"),
    "gettoken": ("取 1 小时 STS 凭证", "temporary OSS keys"),
    "open_get_token": ("取 1 小时 STS 凭证", "temporary OSS keys"),
    "initupload": ("秒传检查", "does 115 have it already"),
    "open_init": ("秒传检查", "does 115 have it already"),
    "resumeupload": ("恢复上传信息", "where did I leave off"),
    "open_resume": ("恢复上传信息", "where did I leave off"),
    "sampleinitupload": ("表单上传信息", "form upload, no hash"),
    "completeupload": ("OSS 回调 115", "OSS tells 115"),
    "samplecompleteupload": ("OSS 回调 115", "OSS tells 115"),
    "refresh_token": ("换新令牌", "new tokens for old"),
    "files_add": ("建目录", "make a folder"),
    "open_folder_add": ("建目录", "make a folder"),
    "add_path": ("逐级建目录", "make a path"),
    "getid": ("查目录 id", "path to folder id"),
    "get_path_id": ("查目录 id", "path to folder id"),
    "files": ("列目录", "list a folder"),
    "open_files": ("列目录", "list a folder"),
    "open_get_info": ("查文件信息", "look at an entry"),
    "files_search": ("搜索", "search"),
    "open_user_info": ("查空间", "how much space"),
    "user_status": ("登录是否有效", "is the login alive"),
    "check_sso": ("登录是否有效", "is the login alive"),
    "index_info": ("查空间", "how much space"),
    "file_info": ("查文件信息", "look at an entry"),
    "qr_token": ("取登录二维码", "a QR code to log in"),
    "qr_status": ("等扫码", "scanned yet"),
    "qr_login": ("换登录 cookie", "the cookie of the login"),
    "auth_device_code": ("取授权二维码", "a QR code to authorise"),
    "device_code_to_token": ("换访问令牌", "the tokens of the login"),
}
OSS_TITLES = {
    "put_object": ("整个文件", "the whole file"),
    "post_object": ("整个文件（表单）", "the whole file, by form"),
    "initiate": ("开始分片上传", "begin a multipart upload"),
    "upload_part": ("上传分片", "one part"),
    "list_parts": ("查已有分片", "which parts are there"),
    "complete": ("合并分片并回调 115", "put together and tell 115"),
    "abort": ("放弃上传", "drop the upload"),
    "head_object": ("查对象", "look at an object"),
    "get_object": ("读对象", "read an object"),
    "list_uploads": ("查未完成的上传", "unfinished uploads"),
    "oss_other": ("", ""),
}
