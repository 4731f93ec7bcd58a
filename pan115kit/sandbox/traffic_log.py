"""Every request that arrived, as data and as one line each to read."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..i18n import format_bytes, has_text, say
from .faults import OSS_ROUTES

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
class TrafficLog:
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
        """The traffic, one line a request."""
        return "\n".join(line(r) for r in self.records())


def line(record: RequestRecord) -> str:
    """A request in one line."""
    clock = time.strftime("%H:%M:%S", time.localtime(record.time)) + f".{int(record.time % 1 * 1000):03d}"
    side = "OSS" if record.route in (*OSS_ROUTES, "oss_other") else "115"
    status = str(record.status) if record.status else "—"
    size = format_bytes(record.received) if record.received else ""
    title = f"sandbox.route.{record.route}"
    words = "：".join(w for w in (say(title) if has_text(title) else "", record.summary) if w)
    return f"{clock}  {side}  {record.method:<6} {record.route:<15} {status:>3}  {size:>8}  {words}"
