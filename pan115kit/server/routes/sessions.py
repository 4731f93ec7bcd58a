"""Resumable sessions: list, delete, clean up, go on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import BaseModel

from ...i18n import say
from ...models import UploadSession, UploadStatus
from ..dependencies import ServerDependencies
from ..responses import CONFLICT, FORBIDDEN, NOT_FOUND, json_answer
from .schemas import Message, Started, example, json_model
from .uploads import started_answer

SessionId = Annotated[str, Path(min_length=1, max_length=128, description="session_id of a session")]

_EXAMPLE = UploadSession(
    session_id="9f86d081884c7d659a2feaa0c55ad015",
    file_path="/home/me/video.mp4",
    file_name="video.mp4",
    file_size=1_073_741_824,
    file_sha1="9302CFAC2F39F4B1A7B1F0E2C3D4E5F60718293A",
    target_path="/影视",
    status=UploadStatus.PAUSED,
    part_size=10_485_760,
    total_parts=103,
    uploaded_parts=(1, 2, 3, 4, 5),
    upload_id="0004B9895DBBB6EC98E36",
    created_at=1_760_788_800.0,
    updated_at=1_760_789_100.0,
).to_dict()

Session = json_model(
    "Session",
    "One resumable upload on disk.",
    UploadSession,
    _EXAMPLE,
    uploaded_parts="numbers of the parts OSS has",
    progress="percent of the bytes OSS has",
)


class Sessions(BaseModel):
    """All sessions, the one touched last first."""

    model_config = example({"sessions": [_EXAMPLE]})

    sessions: list[Session]  # type: ignore[valid-type]


def sessions_router(server: ServerDependencies) -> APIRouter:
    """The routes under ``/api/upload/sessions``."""
    router = APIRouter(prefix="/api/upload/sessions", tags=["sessions"])
    queue, store = server.queue, server.store

    @router.get("", response_model=Sessions, summary="获取所有断点续传会话 / all sessions")
    async def list_sessions() -> Response:
        rows = await store.call(store.sessions.list)
        return json_answer({"sessions": [row.to_dict() for row in rows]})

    @router.post("/cleanup", response_model=Message, summary="清理过期的断点续传会话 / clean old sessions")
    async def clean_up(
        days: Annotated[
            float,
            Query(ge=0, le=36500, allow_inf_nan=False, description="天数（默认7天） / untouched for so many days"),
        ] = 7,
    ) -> Response:
        if await store.call(store.sessions.discard_expired, days):
            queue.start_chores()
        return json_answer({"message": say("server.sessions_cleaned", lang="zh", days=f"{days:g}")})

    @router.delete(
        "/{session_id}",
        response_model=Message,
        responses=NOT_FOUND | CONFLICT,
        summary="删除断点续传会话 / delete a session",
    )
    async def delete_session(session_id: SessionId) -> Response:
        _refuse_if_needed(server, session_id)
        if not await store.call(store.sessions.discard, session_id):
            raise HTTPException(404, say("server.no_session"))
        queue.start_chores()  # what it left at OSS is aborted
        return json_answer({"message": say("server.session_deleted", lang="zh")})

    @router.post(
        "/{session_id}/resume",
        status_code=202,
        response_model=Started,
        responses=FORBIDDEN | NOT_FOUND | CONFLICT,
        summary="继续未完成的会话 / go on with a session",
    )
    async def resume_session(session_id: SessionId) -> Response:
        _refuse_if_needed(server, session_id)
        session = await store.call(store.sessions.get, session_id)
        if session is None:
            raise HTTPException(404, say("server.no_session"))
        if await store.call(store.leases.owner, session_id) is not None:
            raise HTTPException(409, say("server.session_runs"))
        # whoever began it: what is read for a caller of this server lies under its folders
        folder = await asyncio.to_thread(server.folder_of, session.file_path)
        submitted = await asyncio.to_thread(queue.resume_session, session, beneath=folder)
        server.remove_when_uploaded(submitted.job)
        return started_answer(submitted.job)

    return router


def _refuse_if_needed(server: ServerDependencies, session_id: str) -> None:
    """A session whose upload runs, waits or pauses in this process is that upload's."""
    for job in server.queue.jobs():
        if not job.status.is_final and job.request.session_id == session_id:
            raise HTTPException(409, say("server.session_needed", name=job.recorder.file_name))
