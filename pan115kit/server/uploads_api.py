"""REST about uploads: progress, start, pause, resume, cancel, retry, history."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from ..drive.names import check_folder_path
from ..i18n import both
from ..progress.snapshot import UploadProgress
from ..transfer.queued_job import QueuedJob
from ..transfer.upload_options import UploadOptions
from . import schemas
from .answers import CONFLICT, FORBIDDEN, NOT_FOUND, json_answer
from .board import Board
from .commands import Command, does_not_fit, no_such_job, not_in_this_queue, runs_elsewhere
from .encoding import history_object, upload_object
from .parts import VERSION, Parts

PREFIX = "/api/upload"

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="job_id of an upload")]


class _LocalPath(StringConvertor):
    """Unlike starlette's ``path`` it takes file names with line breaks."""

    regex = r"[\s\S]+"


class _Job(StringConvertor):
    """A job id, which is none of the words that other routes begin with."""

    regex = r"(?!(?:all|progress|sessions|history|about)/)[A-Za-z0-9_-]{1,64}"


class _Command(StringConvertor):
    regex = "|".join(Command)


register_url_convertor("local_path", _LocalPath())
register_url_convertor("job", _Job())
register_url_convertor("command", _Command())
#: SQLite counts to 2^63; nobody pages so far.
_FAR = 2**53


def uploads_router(parts: Parts) -> APIRouter:
    """The routes under ``/api/upload`` that are about uploads."""
    router = APIRouter(prefix=PREFIX, tags=["uploads"])
    board, queue = parts.board, parts.queue

    @router.get("/progress", response_model=schemas.Uploads, summary="获取所有上传任务的进度 / all uploads")
    async def list_progress(
        page: Annotated[int | None, Query(ge=1, le=_FAR, description="from 1; all uploads without it")] = None,
        page_size: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Response:
        shown = await board.uploads()
        if page is None:
            return json_answer({"uploads": [upload_object(*one) for one in shown]})
        start = (page - 1) * page_size
        window = [upload_object(*one) for one in shown[start : start + page_size]]
        pages = max(1, -(-len(shown) // page_size))
        return json_answer({"uploads": window, "page": page, "pages": pages, "total": len(shown)})

    @router.get(
        "/progress/{file_path:local_path}",
        response_model=schemas.Upload,
        responses=NOT_FOUND,
        summary="获取指定文件的上传进度 / the newest upload of a local file",
    )
    async def one_progress(
        request: Request,
        file_path: Annotated[str, Path(description="local path, URL-encoded: an absolute one begins with %2F")],
    ) -> Response:
        found = await board.by_path(_asked_path(request, file_path))
        if found is None:
            raise HTTPException(404, both("没有该文件的上传任务", "there is no upload of this file"))
        return json_answer(upload_object(*found))

    @router.post(
        "",
        status_code=202,
        response_model=schemas.Started,
        responses=FORBIDDEN | NOT_FOUND,
        summary="开始上传本地文件 / upload a local file",
    )
    async def start(new: schemas.NewUpload) -> Response:
        target = check_folder_path(new.target_path)
        path = await asyncio.to_thread(parts.roots.resolve, new.file_path)
        options = UploadOptions.of(target, priority=new.priority, skip_existing=new.skip_existing)
        job = await asyncio.to_thread(queue.submit, path, options)
        shot = job.recorder.snapshot()
        said = both("已加入上传队列", "queued")
        return json_answer({"message": said, "upload": upload_object(shot)}, status=202)

    @router.post(
        "/all/{command:command}",
        responses=NOT_FOUND,
        response_model=schemas.Several,
        summary="全部暂停、继续、取消、重试 / command all",
    )
    async def command_all(command: Command) -> Response:
        meant = [job for job in queue.jobs() if command.fits_all(job.status)]
        await asyncio.to_thread(_tell_all, parts, command, meant)
        return json_answer({"message": command.user_message, "count": len(meant)})

    @router.post(
        "/{job_id:job}/{command:command}",
        response_model=schemas.Started,
        responses=NOT_FOUND | CONFLICT,
        summary="暂停、继续、取消、重试 / command one upload",
    )
    async def command_one(job_id: JobId, command: Command) -> Response:
        job = queue.get(job_id)
        if job is None:
            await board.others.look()
            raise _not_ours(board, job_id)
        if not command.fits(job.status):
            raise HTTPException(409, does_not_fit(command, job.status))
        if command is Command.RESUME and queue.blocked is not None:
            wait = both("稍后用“全部继续”再试", "try again later with “resume all”")
            raise HTTPException(409, f"{queue.blocked}; {wait}")
        await asyncio.to_thread(getattr(queue, command), job_id)
        shot = job.recorder.snapshot()
        return json_answer({"message": command.user_message, "upload": upload_object(shot)})

    @router.get("/history", response_model=schemas.History, summary="上传历史 / ended uploads, newest first")
    async def history(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, le=_FAR)] = 0,
    ) -> Response:
        rows = await parts.store.call(parts.store.history.list, limit, offset)
        total = await parts.store.call(parts.store.history.count)
        return json_answer({"history": [history_object(row) for row in rows], "total": total})

    @router.get("/about", response_model=schemas.About, summary="服务器信息 / about this server")
    async def about() -> Response:
        blocked = queue.blocked
        return json_answer(
            {
                "version": VERSION,
                "roots": [str(folder) for folder in parts.roots.folders],
                "uploads": len(await board.uploads()),
                "blocked": None if blocked is None else str(blocked),
            }
        )

    return router


def _asked_path(request: Request, decoded: str) -> str:
    """The path as the file system spells it: names that are no valid UTF-8 survive only in the raw URL."""
    raw: bytes = request.scope.get("raw_path") or b""
    _, found, rest = raw.partition(f"{PREFIX}/progress/".encode())
    return os.fsdecode(unquote_to_bytes(rest)) if found else decoded


def _not_ours(board: Board, job_id: str) -> HTTPException:
    found: tuple[UploadProgress, str | None] | None = board.by_id(job_id)
    if found is None:
        return HTTPException(404, no_such_job())
    return HTTPException(409, not_in_this_queue() if found[1] is None else runs_elsewhere(found[1]))


def _tell_all(parts: Parts, command: Command, meant: list[QueuedJob]) -> None:
    """``resume`` goes through the queue's own, which also ends 115's block."""
    queue = parts.queue
    whole: dict[Command, Any] = {
        Command.PAUSE: queue.pause_all,
        Command.RESUME: queue.resume_all,
        Command.CANCEL: queue.cancel_all,
    }
    if command in whole:
        whole[command]()
        return
    for job in meant:
        queue.retry(job.job_id)
