"""The shapes of requests and answers, for OpenAPI: the specification's fields, and what stands beside them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..models import UploadStatus
from ..presentation.rows import Action, Group

_UPLOAD_EXAMPLE: dict[str, Any] = {
    "file_name": "video.mp4",
    "file_size": 1073741824,
    "status": "uploading",
    "percentage": 45.5,
    "uploaded_bytes": 488636416,
    "total_bytes": 1073741824,
    "total_parts": 103,
    "uploaded_parts": 46,
    "speed_mbps": 2.5,
    "elapsed_seconds": 192.3,
    "eta_seconds": 234.0,
    "error_message": None,
    "file_id": None,
    "is_quick_upload": False,
    "job_id": "0f8fad5bd9cb469fa165708677289501",
    "file_path": "/home/me/video.mp4",
    "target_path": "/影视",
    "session_id": "9f86d081884c7d659a2feaa0c55ad015",
    "hash_percentage": 100.0,
    "resumed_bytes": 0,
    "retries": 0,
    "created_at": "2025-10-18T12:00:00+00:00",
    "process": None,
    "group": "active",
    "actions": ["pause", "cancel"],
}
_SESSION_EXAMPLE: dict[str, Any] = {
    "session_id": "9f86d081884c7d659a2feaa0c55ad015",
    "file_path": "/home/me/video.mp4",
    "file_name": "video.mp4",
    "file_size": 1073741824,
    "file_sha1": "9302CFAC2F39F4B1A7B1F0E2C3D4E5F60718293A",
    "target_dir_id": "0",
    "target_path": "/影视",
    "status": "paused",
    "total_parts": 103,
    "uploaded_parts": [1, 2, 3, 4, 5],
    "upload_id": "0004B9895DBBB6EC98E36",
    "progress": 4.88,
    "created_at": "2025-10-18T12:00:00+00:00",
    "updated_at": "2025-10-18T12:05:00+00:00",
    "error_message": None,
}
_HISTORY_EXAMPLE: dict[str, Any] = {
    "job_id": "0f8fad5bd9cb469fa165708677289501",
    "file_path": "/home/me/video.mp4",
    "file_name": "video.mp4",
    "file_size": 1073741824,
    "sha1": "9302CFAC2F39F4B1A7B1F0E2C3D4E5F60718293A",
    "target_path": "/影视",
    "status": "success",
    "quick_upload": False,
    "bytes_sent": 1073741824,
    "resumed": False,
    "retries": 0,
    "started_at": "2025-10-18T12:00:00+00:00",
    "finished_at": "2025-10-18T12:07:09+00:00",
    "elapsed_seconds": 429.5,
    "file_id": "3277950853089710677",
    "pick_code": "ewnx0h1dqxhsnuqsl",
    "error_message": None,
    "mean_speed_mbps": 2.5,
}


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Upload(BaseModel):
    """One upload (the specification's fields first)."""

    model_config = _example(_UPLOAD_EXAMPLE)

    file_name: str
    file_size: int = Field(description="bytes")
    status: UploadStatus
    percentage: float = Field(description="0-100; 100 only when every byte is on its way or the upload succeeded")
    uploaded_bytes: int
    total_bytes: int
    total_parts: int = Field(description="0 for a file sent in one piece")
    uploaded_parts: int
    speed_mbps: float = Field(description="MB/s (10^6 bytes per second) now; of hashing while hashing")
    elapsed_seconds: float = Field(description="seconds of work, without pauses")
    eta_seconds: float | None = Field(description="seconds left, null while unknown")
    error_message: str | None
    file_id: str | None
    is_quick_upload: bool
    job_id: str
    file_path: str
    target_path: str
    session_id: str
    hash_percentage: float
    resumed_bytes: int = Field(description="how many of uploaded_bytes an earlier run had sent")
    retries: int
    created_at: str = Field(description="ISO 8601, UTC")
    process: str | None = Field(description="pid@host of the other process that runs it, null if this one does")
    group: Group = Field(description="where a list shows it")
    actions: list[Action] = Field(description="what may be asked of it now")


class Uploads(BaseModel):
    """All uploads, or one page of them."""

    model_config = _example({"uploads": [_UPLOAD_EXAMPLE]})

    uploads: list[Upload]
    page: int = Field(default=1, description="only where a page was asked for")
    pages: int = Field(default=1, description="only where a page was asked for")
    total: int = Field(default=0, description="only where a page was asked for")


class Session(BaseModel):
    """One resumable upload on disk."""

    model_config = _example(_SESSION_EXAMPLE)

    session_id: str
    file_path: str
    file_name: str
    file_size: int
    file_sha1: str
    target_dir_id: str
    target_path: str
    status: UploadStatus
    total_parts: int
    uploaded_parts: list[int] = Field(description="numbers of the parts OSS has")
    upload_id: str
    progress: float = Field(description="percent of the bytes OSS has")
    created_at: str = Field(description="ISO 8601, UTC")
    updated_at: str = Field(description="ISO 8601, UTC")
    error_message: str | None


class Sessions(BaseModel):
    """All sessions, the one touched last first."""

    model_config = _example({"sessions": [_SESSION_EXAMPLE]})

    sessions: list[Session]


class HistoryRow(BaseModel):
    """How one upload ended."""

    model_config = _example(_HISTORY_EXAMPLE)

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
    started_at: str
    finished_at: str
    elapsed_seconds: float
    file_id: str
    pick_code: str
    error_message: str | None
    mean_speed_mbps: float


class History(BaseModel):
    """Ended uploads, the newest first."""

    model_config = _example({"history": [_HISTORY_EXAMPLE], "total": 1})

    history: list[HistoryRow]
    total: int


class Message(BaseModel):
    """What was done, in words."""

    model_config = _example({"message": "会话已删除"})

    message: str


class Started(BaseModel):
    """What was done to one upload, and how it stands."""

    model_config = _example({"message": "已加入上传队列", "upload": _UPLOAD_EXAMPLE})

    message: str
    upload: Upload


class Several(BaseModel):
    """What was done to several uploads."""

    model_config = _example({"message": "已暂停", "count": 3})

    message: str
    count: int


class About(BaseModel):
    """What this server is and may do."""

    model_config = _example({"version": "1.0.0", "roots": ["/home/me"], "uploads": 2, "blocked": None})

    version: str
    roots: list[str] = Field(description="local folders that may be uploaded from")
    uploads: int
    blocked: str | None = Field(description="why 115 blocks the account, null if it does not")


class Problem(BaseModel):
    """What went wrong, in words."""

    model_config = _example({"detail": "没有这个上传任务"})

    detail: str


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Invalid(Problem):
    """The request makes no sense; which fields, if it is about fields."""

    model_config = _example(
        {
            "detail": "query.days: Input should be greater than or equal to 0",
            "errors": [{"field": "query.days", "message": "Input should be greater than or equal to 0"}],
        }
    )

    errors: list[FieldProblem] = Field(default=[], description="only where single fields are wrong")


#: Paths longer than this no file system has.
Path = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
#: For readers of the schema; what counts is :func:`~pan115kit.drive.names.check_folder_path`.
_NAME = r'[^\x00-\x1f\x7f<>"/]{1,255}'
_FOLDER_PATTERN = rf"^(?!(?:[\s\S]*/)?(?:\.{{1,2}}|\s+)(?:/|$))(?:{_NAME})?(?:/+{_NAME}){{0,24}}/*$"


class NewUpload(BaseModel):
    """A local file to upload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"file_path": "/home/me/video.mp4", "target_path": "/影视/电影"}]},
    )

    file_path: Path = Field(description="local file under an allowed folder; relative ones from the first of them")
    target_path: Annotated[str, Field(max_length=6400, json_schema_extra={"pattern": _FOLDER_PATTERN})] = Field(
        default="/", description="folder on the drive, made where missing"
    )
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="higher starts earlier")
    skip_existing: bool = Field(default=False, description="count as done where the folder has it already")
