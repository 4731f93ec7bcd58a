"""The nouns of the kit as frozen data: statuses, sessions, results.

Times are seconds since the epoch (UTC) unless a name says otherwise, sizes are bytes, hashes upper-case hex.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, get_args, get_type_hints

from .i18n import say

#: A time: seconds since the epoch (UTC).
Moment: TypeAlias = Annotated[float, datetime]


class UploadStatus(StrEnum):
    """Where an upload stands; the values and words are the specification's, and ``paused``.

    Example:
        >>> UploadStatus.SUCCESS == "success", UploadStatus.QUICK_SUCCESS.is_final
        (True, True)
    """

    PENDING = "pending"
    HASHING = "hashing"
    CHECKING = "checking"
    QUICK_SUCCESS = "quick_success"
    UPLOADING = "uploading"
    PAUSED = "paused"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _FINAL

    @property
    def is_success(self) -> bool:
        """Whether the file is in the drive."""
        return self in (UploadStatus.SUCCESS, UploadStatus.QUICK_SUCCESS)

    @property
    def is_active(self) -> bool:
        """Whether work is being done on it right now."""
        return self in (UploadStatus.HASHING, UploadStatus.CHECKING, UploadStatus.UPLOADING)

    @property
    def label(self) -> str:
        """The badge's word in the user's language, as in the specification."""
        return say(f"status.{self}")

    @property
    def icon(self) -> str:
        """The sign beside the word, or an empty string."""
        return _ICONS.get(self, "")


_FINAL = frozenset({UploadStatus.QUICK_SUCCESS, UploadStatus.SUCCESS, UploadStatus.FAILED, UploadStatus.CANCELLED})
_ICONS = {UploadStatus.QUICK_SUCCESS: "⚡", UploadStatus.SUCCESS: "✅", UploadStatus.FAILED: "❌"}


class WaitingFor(StrEnum):
    """What an upload waits for that is not its turn."""

    NETWORK = "network"
    PROCESS = "process"
    CONTENT = "content"


class Phase(StrEnum):
    """What the bytes of a sample count."""

    HASHING = "hashing"
    UPLOADING = "uploading"


class OnConflict(StrEnum):
    """What happens where the target folder has another content under the file's name.

    The same content under the same name is always a success without sending.
    """

    KEEP = "keep"
    """Upload: 115 keeps both."""
    SKIP = "skip"
    """Leave what is there, upload nothing."""
    REPLACE = "replace"
    """Upload; what was there goes to the recycle bin once the new file is verified (laws.md 15)."""
    ERROR = "error"
    """Fail with :class:`~pan115kit.errors.NameTakenError`."""


class After(StrEnum):
    """What becomes of the local file once it is verified on the drive."""

    KEEP = "keep"
    """It stays."""
    DELETE = "delete"
    """It is deleted, if it is still the file that was verified (laws.md 15)."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What makes a local file the same file as before, without reading it.

    Attributes:
        device: ``st_dev``.
        inode: ``st_ino``.
        size: Bytes.
        mtime_ns: Content change time in nanoseconds.
        ctime_ns: Metadata change time in nanoseconds (catches a restored mtime).

    Example:
        >>> FileIdentity(1, 2, 3, 4, 5).size
        3
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """Where to send the object and which callback tells 115 (protocol §2.3, §3.1).

    ``callback`` and ``callback_var`` are opaque JSON texts, sent on base64-encoded and verbatim.
    """

    bucket: str
    object_key: str
    callback: str
    callback_var: str
    pick_code: str


@dataclass(frozen=True, slots=True, repr=False)
class OssToken:
    """Temporary STS keys for OSS (protocol §2.2, §4.6).  Never shown: its repr tells only when it ends.

    Attributes:
        endpoint: e.g. ``http://oss-cn-shenzhen.aliyuncs.com``.
        expires_at: Epoch seconds, from ``Expiration`` (UTC).

    Example:
        >>> OssToken("http://oss-cn-shenzhen.aliyuncs.com", "STS.id", "secret", "token", 1700003600.0)
        <OssToken for http://oss-cn-shenzhen.aliyuncs.com, expires_at=1700003600>
    """

    endpoint: str
    access_key_id: str
    access_key_secret: str
    security_token: str
    expires_at: float

    def __repr__(self) -> str:
        return f"<OssToken for {self.endpoint}, expires_at={self.expires_at:.0f}>"


@dataclass(frozen=True, slots=True)
class Part:
    """One part that OSS has.

    Attributes:
        number: 1 to 10,000.
        size: Bytes.
        etag: MD5 as OSS reports it, upper-case hex without quotes.
        crc64: CRC-64 (ECMA, XZ variant) of the part, or None where OSS did not say.
    """

    number: int
    size: int
    etag: str
    crc64: int | None = None


@dataclass(frozen=True, slots=True)
class UploadSession:
    """One resumable upload as it stands on disk (specification: ``UploadSession``).

    Example:
        >>> session = UploadSession("id", "/a/b.bin", "b.bin", 100, uploaded_parts=(1,), total_parts=2, part_size=60)
        >>> session.get_progress()
        60.0
    """

    session_id: str
    file_path: str
    file_name: str
    file_size: int
    file_sha1: str = ""
    target_dir_id: str = "0"
    target_path: str = "/"
    status: UploadStatus = UploadStatus.PENDING
    part_size: int = 0
    total_parts: int = 0
    uploaded_parts: tuple[int, ...] = ()
    uploaded_bytes: int = -1
    upload_id: str = ""
    ticket: UploadTicket | None = None
    identity: FileIdentity | None = None
    job_id: str = ""
    created_at: Moment = 0.0
    updated_at: Moment = 0.0
    error_message: str | None = None

    @property
    def bytes_done(self) -> int:
        """Bytes OSS has acknowledged."""
        if self.uploaded_bytes >= 0:
            return self.uploaded_bytes
        return min(len(self.uploaded_parts) * self.part_size, self.file_size)

    def get_progress(self) -> float:
        """Percent (0-100) of the bytes that OSS has acknowledged."""
        return 100.0 * self.bytes_done / self.file_size if self.file_size else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The specification's JSON object (``GET /api/upload/sessions``), times in ISO 8601 UTC."""
        row = {c.name: c.to_json(getattr(self, c.name)) for c in SESSION_COLUMNS if c.is_stored}
        return row | {"uploaded_parts": list(self.uploaded_parts), "progress": round(self.get_progress(), 2)}


def iso_utc(timestamp: float) -> str:
    """Epoch seconds as ISO 8601 in UTC.

    Example:
        >>> iso_utc(0)
        '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(timestamp, UTC).isoformat()


@dataclass(frozen=True, slots=True)
class UploadResult:
    """How one upload ended.  Reads as attributes and as the specification's dict.

    Attributes:
        success: True only if 115 confirmed the file with our sha1 and size.
        quick_upload: True when 115 had the content already (秒传).
        bytes_sent: Bytes put on the wire by this run.
        resumed: Whether this run went on with parts of an earlier one.
        elapsed_seconds: From the start of work to the end.

    Example:
        >>> result = UploadResult(True, UploadStatus.SUCCESS, "文件上传成功", file_name="a.bin")
        >>> result["success"], result.quick_upload
        (True, False)
    """

    success: bool
    status: UploadStatus
    message: str
    file_id: str = ""
    quick_upload: bool = False
    file_name: str = ""
    file_size: int = 0
    sha1: str = ""
    pick_code: str = ""
    file_path: str = ""
    target_path: str = ""
    target_dir_id: str = ""
    job_id: str = ""
    bytes_sent: int = 0
    resumed: bool = False
    retries: int = 0
    elapsed_seconds: float = 0.0
    error_message: str | None = None

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The field names, so that ``dict(result)`` works."""
        return [field.name for field in dataclasses.fields(self)]

    def get(self, key: str, default: Any = None) -> Any:
        """As ``dict.get``."""
        return self[key] if key in self.keys() else default

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return {key: str(self[key]) if key == "status" else self[key] for key in self.keys()}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One finished upload as history keeps it.

    Its fields are the columns of history everywhere: the database's table, the DataFrame, the JSON of the command
    line and of the server.  A new one comes last, with a default that rows have which were stored before.
    """

    job_id: str
    file_path: str
    file_name: str
    file_size: int
    sha1: str
    target_path: str
    status: UploadStatus
    quick_upload: bool
    bytes_sent: int
    resumed: bool
    retries: int
    started_at: Moment
    finished_at: Moment
    elapsed_seconds: float
    file_id: str
    pick_code: str
    error_message: str | None

    @property
    def mean_speed_mbps(self) -> float:
        """Bytes sent over the whole time, in MB/s (10^6)."""
        return self.bytes_sent / self.elapsed_seconds / 1e6 if self.elapsed_seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data by :data:`HISTORY_COLUMNS`, times in ISO 8601 UTC."""
        return {column.name: column.to_json(getattr(self, column.name)) for column in HISTORY_COLUMNS}


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of a progress curve, kept at 1 Hz."""

    time: float
    uploaded_bytes: int
    speed_mbps: float
    phase: Phase


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of sessions or of history.

    Attributes:
        name: As in the database, the DataFrame and the JSON.
        kind: ``str``, ``int``, ``float``, ``bool``, ``datetime`` (a :data:`Moment`) or an enum of texts.
        is_optional: Whether a value may be None.
        is_stored: False for what is worked out from other columns.
        is_added: Whether there may be rows that were stored before there was the column.
        default: What these have in it.
    """

    name: str
    kind: type
    is_optional: bool = False
    is_stored: bool = True
    is_added: bool = False
    default: Any = None

    def to_json(self, value: Any) -> Any:
        """The value as JSON can say it: a time in ISO 8601 UTC, a float with three decimals."""
        if value is None:
            return None
        if self.kind is datetime:
            return iso_utc(value)
        if self.kind is float:
            return round(value, 3)
        return str(value) if issubclass(self.kind, StrEnum) else value


def column_of(model: type, name: str) -> Column:
    """The column of a data class's field, or of a property that is worked out from its fields."""
    fields = {field.name: field for field in dataclasses.fields(model)}
    if name not in fields:
        return Column(name, get_type_hints(getattr(model, name).fget)["return"], is_stored=False)
    hint = get_type_hints(model, include_extras=True)[name]
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    is_optional = type(None) in get_args(hint)
    kind = datetime if hint == Moment else choices[0] if is_optional else hint
    is_added = fields[name].default is not dataclasses.MISSING
    default = fields[name].default if is_added else None
    return Column(name, kind, is_optional=is_optional, is_added=is_added, default=default)


def _history_names() -> Iterator[str]:
    for field in dataclasses.fields(HistoryEntry):
        yield field.name
        if field.name == "elapsed_seconds":
            yield "mean_speed_mbps"


#: What history shows, in this order.
HISTORY_COLUMNS = tuple(column_of(HistoryEntry, name) for name in _history_names())

#: What tables of sessions show, in this order; the rest of a session only a resume needs.
SESSION_COLUMNS = (
    *(column_of(UploadSession, name) for name in ("session_id", "file_path", "file_name", "file_size", "file_sha1")),
    *(column_of(UploadSession, name) for name in ("target_dir_id", "target_path", "status", "total_parts")),
    Column("uploaded_parts", int, is_stored=False),
    Column("progress", float, is_stored=False),
    *(column_of(UploadSession, name) for name in ("upload_id", "created_at", "updated_at", "error_message")),
)
