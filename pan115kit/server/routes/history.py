"""How uploads ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from ...models import HistoryEntry, UploadStatus
from ..dependencies import ServerDependencies
from ..responses import json_answer
from .schemas import example, json_model
from .uploads import FAR

_EXAMPLE = HistoryEntry(
    job_id="0f8fad5bd9cb469fa165708677289501",
    file_path="/home/me/video.mp4",
    file_name="video.mp4",
    file_size=1_073_741_824,
    sha1="9302CFAC2F39F4B1A7B1F0E2C3D4E5F60718293A",
    target_path="/影视",
    status=UploadStatus.SUCCESS,
    quick_upload=False,
    bytes_sent=1_073_741_824,
    resumed=False,
    retries=0,
    started_at=1_760_788_800.0,
    finished_at=1_760_789_229.5,
    elapsed_seconds=429.5,
    file_id="3277950853089710677",
    pick_code="ewnx0h1dqxhsnuqsl",
    error_message=None,
).to_dict()

HistoryRow = json_model(
    "HistoryRow",
    "How one upload ended.",
    HistoryEntry,
    _EXAMPLE,
    bytes_sent="bytes put on the wire by this run",
    mean_speed_mbps="MB/s (10^6 bytes per second) over the whole time",
)


class History(BaseModel):
    """Ended uploads, the newest first."""

    model_config = example({"history": [_EXAMPLE], "total": 1})

    history: list[HistoryRow]  # type: ignore[valid-type]
    total: int


def history_router(server: ServerDependencies) -> APIRouter:
    """``/api/upload/history``."""
    router = APIRouter(prefix="/api/upload/history", tags=["history"])
    store = server.store

    @router.get("", response_model=History, summary="上传历史 / ended uploads, newest first")
    async def history(
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        offset: Annotated[int, Query(ge=0, le=FAR)] = 0,
    ) -> Response:
        rows = await store.call(store.history.list, limit, offset)
        total = await store.call(store.history.count)
        return json_answer({"history": [row.to_dict() for row in rows], "total": total})

    return router
