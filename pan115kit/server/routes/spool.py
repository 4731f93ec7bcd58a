"""Files that a page sends in pieces, because a browser has their content and not their path."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ...drive.names import check_folder_path
from ...i18n import say
from ...models import OnConflict
from ...transfer.upload_options import UploadOptions
from ..dependencies import ServerDependencies
from ..responses import CONFLICT, NO_ROOM, NOT_FOUND, json_answer
from ..spool import MAX_PIECE, SpoolDiskError, SpooledFile, WrongOffsetError, spool_id_for
from .schemas import DriveFolder, Message, Problem, Started, example, json_model
from .uploads import FAR, started_answer

SpoolId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="spool_id of a file")]


def _json(file: SpooledFile) -> dict[str, Any]:
    return {key: value for key, value in asdict(file).items() if key != "path"} | {"piece_size": MAX_PIECE}


_EXAMPLE = _json(
    SpooledFile(
        spool_id=spool_id_for("video.mp4", 1_073_741_824, 1_760_788_800_000, "/影视"),
        name="video.mp4",
        size=1_073_741_824,
        modified=1_760_788_800_000,
        target_path="/影视",
        offset=524_288_000,
        path="",
    )
)
Spooled = json_model(
    "Spooled",
    "A file that is being sent to this machine in pieces.",
    SpooledFile,
    _EXAMPLE,
    size="bytes of the whole file",
    modified="milliseconds since the epoch, as the page has it",
    offset="bytes that are here; the next piece begins there",
    piece_size="bytes of a piece at most; smaller ones suit a slow line, each has ten seconds",
)


class SpooledList(BaseModel):
    """Every file that is here, whole or not."""

    model_config = example({"files": [_EXAMPLE]})

    files: list[Spooled]  # type: ignore[valid-type]


class NewSpooled(BaseModel):
    """A file that is about to be sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "video.mp4", "size": 1_073_741_824, "modified": 1_760_788_800_000, "target_path": "/影视"}
            ]
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^/\\\x00]+$")]
    size: Annotated[int, Field(ge=0, le=FAR)] = Field(description="bytes")
    modified: Annotated[int, Field(ge=0, le=FAR)] = Field(
        default=0, description="milliseconds since the epoch; tells a changed file from the same one sent again"
    )
    target_path: DriveFolder = Field(default="/", description="folder on the drive, made where missing")


class StartSpooled(BaseModel):
    """How a file that is here is to be uploaded."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"priority": 0}]})

    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="higher starts earlier")
    on_conflict: OnConflict = Field(
        default=OnConflict.KEEP, description="where the folder has another content under this name"
    )


class WrongOffset(Problem):
    """The piece does not fit; where the next one begins."""

    model_config = example({"detail": "the next piece begins at byte 1048576 of 5000000", "offset": 1_048_576})

    offset: int | None = Field(default=None, description="bytes that are here")


_WRONG_OFFSET: dict[int | str, dict[str, Any]] = {
    409: {"model": WrongOffset, "description": "The piece does not begin where the file ends"}
}
_PIECE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def spool_router(server: ServerDependencies) -> APIRouter:
    """``/api/spool``: begin, send pieces, upload."""
    router = APIRouter(prefix="/api/spool", tags=["files in pieces"])
    spool, queue = server.spool, server.queue

    @router.post(
        "",
        status_code=201,
        response_model=Spooled,
        responses=CONFLICT | NO_ROOM,
        summary="开始或继续分块发送文件 / begin or go on with a file",
    )
    async def begin(new: NewSpooled) -> Response:
        target = check_folder_path(new.target_path)
        try:
            file = await asyncio.to_thread(spool.begin, new.name, new.size, new.modified, target)
        except OSError as error:
            raise _disk_error(error) from error
        return json_answer(_json(file), status=201)

    @router.get("", response_model=SpooledList, summary="已接收的文件 / files that are here")
    async def list_spooled() -> Response:
        return json_answer({"files": [_json(file) for file in await asyncio.to_thread(spool.list)]})

    @router.get("/{spool_id}", response_model=Spooled, responses=NOT_FOUND, summary="文件进度 / one file")
    async def one(spool_id: SpoolId) -> Response:
        return json_answer(_json(_known(await asyncio.to_thread(spool.get, spool_id))))

    @router.put(
        "/{spool_id}",
        response_model=Spooled,
        responses=NOT_FOUND | _WRONG_OFFSET | NO_ROOM,
        openapi_extra=_PIECE,
        summary="发送一块 / one piece",
    )
    async def piece(
        request: Request,
        spool_id: SpoolId,
        offset: Annotated[int, Query(ge=0, le=FAR, description="where the piece begins, in bytes")],
    ) -> Response:
        body = await request.body()
        try:
            file = await asyncio.to_thread(spool.append, spool_id, offset, body)
        except WrongOffsetError as error:
            return json_answer({"detail": str(error), "offset": error.offset}, status=409)
        except OSError as error:
            raise _disk_error(error) from error
        return json_answer(_json(_known(file)))

    @router.delete(
        "/{spool_id}",
        response_model=Message,
        responses=NOT_FOUND | CONFLICT,
        summary="放弃文件 / give a file up",
    )
    async def remove(spool_id: SpoolId) -> Response:
        _refuse_if_needed(server, spool_id)
        if not await asyncio.to_thread(spool.remove, spool_id):
            raise HTTPException(404, say("server.no_spooled"))
        return json_answer({"message": say("server.spooled_removed")})

    @router.post(
        "/{spool_id}/upload",
        status_code=202,
        response_model=Started,
        responses=NOT_FOUND | CONFLICT,
        summary="上传到 115 / upload a whole file",
    )
    async def upload(spool_id: SpoolId, how: StartSpooled) -> Response:
        file = _known(await asyncio.to_thread(spool.get, spool_id))
        if not file.is_whole:
            raise HTTPException(409, say("server.spool_offset", offset=file.offset, size=file.size))
        options = UploadOptions.of(
            file.target_path, priority=how.priority, on_conflict=how.on_conflict, beneath=str(spool.folder)
        )
        submitted = await asyncio.to_thread(queue.submit, file.path, options)
        server.remove_when_uploaded(submitted.job)
        return started_answer(submitted.job)

    return router


def _known(file: SpooledFile | None) -> SpooledFile:
    if file is None:
        raise HTTPException(404, say("server.no_spooled"))
    return file


def _disk_error(error: OSError) -> SpoolDiskError:
    """The disk is full, or cannot be written for another reason."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = say("server.spool_full.hint") if full else ""
    return SpoolDiskError(say("server.spool_failed", why=error.strerror or error), hint=hint)


def _refuse_if_needed(server: ServerDependencies, spool_id: str) -> None:
    """A file whose upload has not ended is that upload's."""
    for job in server.queue.jobs():
        if not job.status.is_final and server.spool.id_of(job.request.file_path) == spool_id:
            raise HTTPException(409, say("server.spool_needed", name=job.recorder.file_name))
