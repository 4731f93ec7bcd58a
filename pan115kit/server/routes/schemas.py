"""The shapes that several resources share, for OpenAPI.

A shape's fields are those of the object that is encoded: its example is a real one, its types are those of the data
class behind it, so that a new field stands in one place.
"""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from ...models import UploadStatus
from ...presentation.rows import Action, Group, Row, row_json
from ...progress.snapshot import UploadProgress


def example(value: dict[str, Any]) -> ConfigDict:
    """A model's configuration with an example for its readers."""
    return ConfigDict(json_schema_extra={"examples": [value]})


def json_model(name: str, doc: str, source: type, value: dict[str, Any], **fields: Any) -> Any:
    """The model of a data class's JSON object.

    Args:
        name: Of the model.
        doc: What it is.
        source: The data class.
        value: The JSON object of an instance, the example; its keys are the model's fields.
        **fields: A field's description, or its type where the JSON has another one than the data class.
    """
    hints = get_type_hints(source)
    definitions: dict[str, Any] = {}
    for key, found in value.items():
        given = fields.pop(key, "")
        kind = hints.get(key, type(found))
        if isinstance(found, str) and kind is float:
            kind, given = str, given or "ISO 8601, UTC"
        definitions[key] = (kind, Field(description=given or None)) if isinstance(given, str) else (given, ...)
    assert not fields, f"{name} has no {sorted(fields)}"
    return create_model(name, __doc__=doc, __config__=example(value), **definitions)


_EXAMPLE = UploadProgress(
    job_id="0f8fad5bd9cb469fa165708677289501",
    file_path="/home/me/video.mp4",
    file_name="video.mp4",
    file_size=1_073_741_824,
    status=UploadStatus.UPLOADING,
    target_path="/影视",
    session_id="9f86d081884c7d659a2feaa0c55ad015",
    uploaded_bytes=488_636_416,
    hashed_bytes=1_073_741_824,
    total_parts=103,
    uploaded_parts=46,
    speed_mbps=2.5,
    eta_seconds=234.0,
    elapsed_seconds=192.3,
    created_at=1_760_788_800.0,
)
#: One upload as in the specification's examples.
EXAMPLE_UPLOAD = row_json(Row(_EXAMPLE.job_id, _EXAMPLE))

Upload = json_model(
    "Upload",
    "One upload (the specification's fields first).",
    UploadProgress,
    EXAMPLE_UPLOAD,
    file_size="bytes",
    percentage="0-100; 100 only when every byte is on its way or the upload succeeded",
    total_parts="0 for a file sent in one piece",
    speed_mbps="MB/s (10^6 bytes per second) now; of hashing while hashing",
    elapsed_seconds="seconds of work, without pauses",
    eta_seconds="seconds left, null while unknown",
    resumed_bytes="how many of uploaded_bytes an earlier run had sent",
    ended_at=Annotated[str | None, Field(description="ISO 8601, UTC; null before its end")],
    process=Annotated[
        str | None, Field(description="pid@host of the other process that runs it, null if this one does")
    ],
    group=Annotated[Group, Field(description="where a list shows it")],
    actions=Annotated[list[Action], Field(description="what may be asked of it now")],
)


class Message(BaseModel):
    """What was done, in words."""

    model_config = example({"message": "会话已删除"})

    message: str


class Started(BaseModel):
    """What was done to one upload, and how it stands."""

    model_config = example({"message": "已加入上传队列", "upload": EXAMPLE_UPLOAD})

    message: str
    upload: Upload  # type: ignore[valid-type]


class Problem(BaseModel):
    """What went wrong, in words."""

    model_config = example({"detail": "没有这个上传任务"})

    detail: str


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Invalid(Problem):
    """The request makes no sense; which fields, if it is about fields."""

    model_config = example(
        {
            "detail": "query.days: Input should be greater than or equal to 0",
            "errors": [{"field": "query.days", "message": "Input should be greater than or equal to 0"}],
        }
    )

    errors: list[FieldProblem] = Field(default=[], description="only where single fields are wrong")


#: Paths longer than this no file system has.
LocalPath = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
#: For readers of the schema; what counts is :func:`~pan115kit.drive.names.check_folder_path`.
_NAME = r'[^\x00-\x1f\x7f<>"/]{1,255}'
_FOLDER_PATTERN = rf"^(?!(?:[\s\S]*/)?(?:\.{{1,2}}|\s+)(?:/|$))(?:{_NAME})?(?:/+{_NAME}){{0,24}}/*$"
#: A folder on the drive.
DriveFolder = Annotated[str, Field(max_length=6400, json_schema_extra={"pattern": _FOLDER_PATTERN})]
