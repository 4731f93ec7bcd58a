"""What this server is and may do."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ..dependencies import VERSION, ServerDependencies
from ..responses import json_answer
from .schemas import example


class About(BaseModel):
    """What this server is and may do."""

    model_config = example({"version": "1.0.0", "roots": ["/home/me"], "uploads": 2, "blocked": None})

    version: str
    roots: list[str] = Field(description="local folders that may be uploaded from")
    uploads: int
    blocked: str | None = Field(description="why 115 blocks the account, null if it does not")


def about_router(server: ServerDependencies) -> APIRouter:
    """``/api/upload/about``."""
    router = APIRouter(prefix="/api/upload/about", tags=["server"])

    @router.get("", response_model=About, summary="服务器信息 / about this server")
    async def about() -> Response:
        blocked = server.queue.blocked
        return json_answer(
            {
                "version": VERSION,
                "roots": [str(folder) for folder in server.folders.folders],
                "uploads": len(await server.uploads.rows()),
                "blocked": None if blocked is None else str(blocked),
            }
        )

    return router
