"""REST about resumable sessions: list, delete, clean up, go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response

from ..i18n import both
from . import schemas
from .answers import CONFLICT, NOT_FOUND, json_answer
from .commands import no_such_session
from .encoding import upload_object
from .parts import Parts

SessionId = Annotated[str, Path(min_length=1, max_length=128, description="session_id of a session")]


def sessions_router(parts: Parts) -> APIRouter:
    """The routes under ``/api/upload/sessions``."""
    router = APIRouter(prefix="/api/upload/sessions", tags=["sessions"])
    queue, store = parts.queue, parts.store

    @router.get("", response_model=schemas.Sessions, summary="获取所有断点续传会话 / all sessions")
    async def list_sessions() -> Response:
        rows = await store.call(store.sessions.list)
        return json_answer({"sessions": [row.to_dict() for row in rows]})

    @router.post("/cleanup", response_model=schemas.Message, summary="清理过期的断点续传会话 / clean old sessions")
    async def clean_up(
        days: Annotated[
            float,
            Query(ge=0, le=36500, allow_inf_nan=False, description="天数（默认7天） / untouched for so many days"),
        ] = 7,
    ) -> Response:
        if await store.call(store.sessions.discard_expired, days):
            queue.start_chores()
        return json_answer({"message": f"已清理超过{days:g}天未更新的会话"})

    @router.delete(
        "/{session_id}",
        response_model=schemas.Message,
        responses=NOT_FOUND | CONFLICT,
        summary="删除断点续传会话 / delete a session",
    )
    async def delete_session(session_id: SessionId) -> Response:
        _refuse_if_needed(parts, session_id)
        if not await store.call(store.sessions.discard, session_id):
            raise HTTPException(404, no_such_session())
        queue.start_chores()  # what it left at OSS is aborted
        return json_answer({"message": "会话已删除"})

    @router.post(
        "/{session_id}/resume",
        status_code=202,
        response_model=schemas.Started,
        responses=NOT_FOUND | CONFLICT,
        summary="继续未完成的会话 / go on with a session",
    )
    async def resume_session(session_id: SessionId) -> Response:
        _refuse_if_needed(parts, session_id)
        session = await store.call(store.sessions.get, session_id)
        if session is None:
            raise HTTPException(404, no_such_session())
        owner = await store.call(store.leases.owner, session_id)
        if owner is not None:
            raise HTTPException(409, both("该会话正在上传", "this session is being uploaded"))
        job = await asyncio.to_thread(queue.resume_session, session)
        said = both("已加入上传队列", "queued")
        return json_answer({"message": said, "upload": upload_object(job.recorder.snapshot())}, status=202)

    return router


def _refuse_if_needed(parts: Parts, session_id: str) -> None:
    """A session whose upload runs, waits or pauses in this process is that upload's."""
    for job in parts.queue.jobs():
        if not job.status.is_final and job.request.session_id == session_id:
            name = job.recorder.file_name
            raise HTTPException(
                409,
                both(f"{name} 的任务还需要该会话，请先取消任务", f"the upload of {name} needs it: cancel that first"),
            )
