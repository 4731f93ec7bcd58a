"""Uploads: progress, start, pause, resume, cancel, retry."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.convertors import StringConvertor, register_url_convertor

from ...i18n import say
from ...models import OnConflict, UploadStatus
from ...presentation.rows import GROUP_OF, Action, Row, row_json
from ...transfer.queue import UploadQueue
from ...transfer.queued_job import QueuedJob
from ...transfer.upload_options import UploadOptions
from ..dependencies import ServerDependencies
from ..responses import CONFLICT, FORBIDDEN, NOT_FOUND, json_answer
from .schemas import EXAMPLE_UPLOAD, DriveFolder, LocalPath, Started, Upload, example

PREFIX = "/api/upload"
#: SQLite counts to 2^63; nobody pages so far.
FAR = 2**53

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="job_id of an upload")]
Command = Literal["pause", "resume", "cancel", "retry"]

_DONE = {
    Action.PAUSE: "server.paused",
    Action.RESUME: "server.resumed",
    Action.CANCEL: "server.cancelled",
    Action.RETRY: "server.retried",
}


class Uploads(BaseModel):
    """All uploads, or one page of them."""

    model_config = example({"uploads": [EXAMPLE_UPLOAD]})

    uploads: list[Upload]
    page: int = Field(default=1, description="only where a page was asked for")
    pages: int = Field(default=1, description="only where a page was asked for")
    total: int = Field(default=0, description="only where a page was asked for")


class Several(BaseModel):
    """What was done to several uploads."""

    model_config = example({"message": "已暂停", "count": 3})

    message: str
    count: int


class NewUpload(BaseModel):
    """A local file to upload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"file_path": "/home/me/video.mp4", "target_path": "/影视/电影"}]},
    )

    file_path: LocalPath = Field(description="local file under an allowed folder; relative to the first of them")
    target_path: DriveFolder = Field(default="/", description="folder on the drive, made where missing")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="higher starts earlier")
    on_conflict: OnConflict = Field(
        default=OnConflict.KEEP, description="where the folder has another content under this name"
    )


class _LocalPath(StringConvertor):
    """Unlike starlette's ``path`` it takes file names with line breaks."""

    regex = r"[\s\S]+"


class _Command(StringConvertor):
    regex = "|".join(_DONE)


register_url_convertor("local_path", _LocalPath())
register_url_convertor("command", _Command())


def uploads_router(server: ServerDependencies) -> APIRouter:
    """The routes under ``/api/upload`` that are about uploads."""
    router = APIRouter(prefix=PREFIX, tags=["uploads"])
    uploads, queue = server.uploads, server.queue

    @router.get("/progress", response_model=Uploads, summary="获取所有上传任务的进度 / all uploads")
    async def list_progress(
        page: Annotated[int | None, Query(ge=1, le=FAR, description="from 1; all uploads without it")] = None,
        page_size: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        rows = await uploads.rows()
        if page is None:
            return json_answer({"uploads": [row_json(row) for row in rows]})
        start = (page - 1) * page_size
        window = [row_json(row) for row in rows[start : start + page_size]]
        pages = max(1, -(-len(rows) // page_size))
        return json_answer({"uploads": window, "page": page, "pages": pages, "total": len(rows)})

    @router.get(
        "/progress/{file_path:local_path}",
        response_model=Upload,
        responses=NOT_FOUND,
        summary="获取指定文件的上传进度 / the newest upload of a local file",
    )
    async def one_progress(
        request: Request,
        file_path: Annotated[str, Path(description="local path, URL-encoded: an absolute one begins with %2F")],
    ) -> Response:
        row = await uploads.by_path(_asked_path(request, file_path))
        if row is None:
            raise HTTPException(404, say("server.no_upload_of_file"))
        return json_answer(row_json(row))

    @router.post(
        "",
        status_code=202,
        response_model=Started,
        responses=FORBIDDEN | NOT_FOUND,
        summary="开始上传本地文件 / upload a local file",
    )
    async def start(new: NewUpload) -> Response:
        options = UploadOptions.of(new.target_path, priority=new.priority, on_conflict=new.on_conflict)
        file = await asyncio.to_thread(server.folders.file, new.file_path)
        submitted = await asyncio.to_thread(queue.submit, file.path, replace(options, beneath=file.folder))
        return started_answer(submitted.job)

    @router.post(
        "/all/{command:command}",
        responses=NOT_FOUND,
        response_model=Several,
        summary="全部暂停、继续、取消、重试 / command all",
    )
    async def command_all(command: Command) -> Response:
        action = Action(command)
        meant = [job for job in queue.jobs() if GROUP_OF[job.status] in action.groups_of_all]
        await asyncio.to_thread(_carry_out_all, queue, action, meant)
        return json_answer({"message": say(_DONE[action]), "count": len(meant)})

    @router.post(
        "/{job_id}/{command:command}",
        response_model=Started,
        responses=NOT_FOUND | CONFLICT,
        summary="暂停、继续、取消、重试 / command one upload",
    )
    async def command_one(job_id: JobId, command: Command) -> Response:
        action, job = Action(command), queue.get(job_id)
        if job is None:
            await uploads.remote.look()
            raise _not_ours(uploads.by_id(job_id))
        if not action.may_ask(job.status):
            raise HTTPException(409, _does_not_fit(action, job.status))
        if action is Action.RESUME and queue.blocked is not None:
            raise HTTPException(409, say("server.blocked", why=queue.blocked))
        await asyncio.to_thread(_carry_out, queue, action, job_id)
        return json_answer({"message": say(_DONE[action]), "upload": _job_json(job)})

    return router


def started_answer(job: QueuedJob) -> Response:
    """That an upload is in the queue."""
    return json_answer({"message": say("server.queued"), "upload": _job_json(job)}, status=202)


def _job_json(job: QueuedJob) -> dict[str, Any]:
    return row_json(Row(job.job_id, job.recorder.snapshot()))


def _asked_path(request: Request, decoded: str) -> str:
    """The path as the file system spells it: names that are no valid UTF-8 survive only in the raw URL."""
    raw: bytes = request.scope.get("raw_path") or b""
    _, found, rest = raw.partition(f"{PREFIX}/progress/".encode())
    return os.fsdecode(unquote_to_bytes(rest)) if found else decoded


def _does_not_fit(action: Action, status: UploadStatus) -> str:
    """Why a command was not passed on."""
    key = "server.cannot_retry" if action is Action.RETRY else "server.has_ended"
    return say(key, status=status.label)


def _not_ours(row: Row | None) -> HTTPException:
    if row is None:
        return HTTPException(404, say("server.no_upload"))
    if row.process is None:
        return HTTPException(409, say("server.another_client"))
    return HTTPException(409, say("server.another_process", process=row.process))


def _carry_out(queue: UploadQueue, action: Action, job_id: str) -> None:
    commands = {
        Action.PAUSE: queue.pause,
        Action.RESUME: queue.resume,
        Action.CANCEL: queue.cancel,
        Action.RETRY: queue.retry,
    }
    commands[action](job_id)


def _carry_out_all(queue: UploadQueue, action: Action, meant: list[QueuedJob]) -> None:
    """The queue's own where it has one: its ``resume_all`` also ends 115's block."""
    commands = {Action.PAUSE: queue.pause_all, Action.RESUME: queue.resume_all, Action.CANCEL: queue.cancel_all}
    if action in commands:
        commands[action]()
        return
    for job in meant:
        queue.retry(job.job_id)
