"""The disk of this machine, as far as it may be uploaded from: what a page chooses files from."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from ...errors import FileMissingError, FileUnreadableError, NotAFileError, OutsideFolderError
from ...i18n import say
from ...models import iso_utc
from ..allowed_folders import AllowedFolders, is_hidden
from ..dependencies import ServerDependencies
from ..responses import FORBIDDEN, NOT_FOUND, json_answer
from .schemas import LocalPath, example

#: Entries in one answer.
PAGE = 500

_EXAMPLE = {
    "path": "/home/me/videos",
    "parent": "/home/me",
    "entries": [
        {"name": "2025", "path": "/home/me/videos/2025", "kind": "folder", "size": 0, "modified": None},
        {
            "name": "video.mp4",
            "path": "/home/me/videos/video.mp4",
            "kind": "file",
            "size": 1_073_741_824,
            "modified": "2025-10-18T12:00:00+00:00",
        },
    ],
    "page": 1,
    "pages": 1,
    "total": 2,
}


class LocalEntry(BaseModel):
    """A file or folder that may be uploaded."""

    name: str
    path: str
    kind: Literal["file", "folder"]
    size: int = Field(description="bytes; 0 for a folder")
    modified: str | None = Field(description="ISO 8601, UTC; null for a folder")


class LocalFolder(BaseModel):
    """One page of a folder's content, folders first; without a path, the folders that may be uploaded from."""

    model_config = example(_EXAMPLE)

    path: str = Field(description="empty for the list of allowed folders")
    parent: str | None = Field(description="where “up” leads; empty: the list of allowed folders; null: nowhere")
    entries: list[LocalEntry]
    page: int
    pages: int
    total: int


def local_router(server: ServerDependencies) -> APIRouter:
    """``/api/local``."""
    router = APIRouter(prefix="/api/local", tags=["local files"])
    folders = server.folders

    @router.get(
        "",
        response_model=LocalFolder,
        responses=FORBIDDEN | NOT_FOUND,
        summary="浏览本地文件夹 / what is in a local folder",
    )
    async def browse(
        path: Annotated[LocalPath | None, Query(description="a folder; the allowed ones without it")] = None,
        page: Annotated[int, Query(ge=1, le=10**6)] = 1,
    ) -> Response:
        if path is None:
            entries = [_entry_json(str(folder), str(folder), True, None) for folder in folders.folders]
            shown = {"path": "", "parent": None, "entries": entries, "page": 1, "pages": 1, "total": len(entries)}
            return json_answer(shown)
        return json_answer(await asyncio.to_thread(_page_of, folders, path, page))

    return router


def _page_of(folders: AllowedFolders, asked: str, page: int) -> dict[str, Any]:
    """One page of a folder's content.  Only its own entries are looked at closely, however many others there are."""
    place = folders.place(asked)
    names = _names(folders, place.path, asked)
    start = (page - 1) * PAGE
    entries = []
    for name, is_folder in names[start : start + PAGE]:
        path = os.path.join(place.path, name)
        try:
            status = os.stat(path)
        except OSError:
            continue  # it has gone meanwhile
        entries.append(_entry_json(name, path, is_folder, status))
    parent = "" if place.path == place.folder else os.path.dirname(place.path)
    pages = max(1, -(-len(names) // PAGE))
    return {
        "path": place.path,
        "parent": parent,
        "entries": entries,
        "page": page,
        "pages": pages,
        "total": len(names),
    }


def _names(folders: AllowedFolders, path: str, asked: str) -> list[tuple[str, bool]]:
    """What may be uploaded of a folder: name, and whether it is a folder itself; folders first.

    Raises:
        FileMissingError: There is no such folder.
        NotAFileError: It is a file.
        FileUnreadableError: It may not be read.
    """
    show_hidden = folders.shows_hidden(path)
    found = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if not show_hidden and is_hidden(entry.path):
                    continue
                if entry.is_symlink() and not _is_allowed(folders, entry.path):
                    continue
                if entry.is_dir():
                    found.append((entry.name, True))
                elif entry.is_file():
                    found.append((entry.name, False))
    except FileNotFoundError:
        raise FileMissingError(say("server.no_folder", path=asked), hint=say("server.no_folder.hint")) from None
    except NotADirectoryError:
        raise NotAFileError(say("server.not_a_folder", path=asked), hint=say("server.no_folder.hint")) from None
    except OSError as error:
        raise FileUnreadableError(say("file.unreadable", path=asked, why=error.strerror or error)) from None
    found.sort(key=lambda item: (not item[1], item[0].casefold(), item[0]))
    return found


def _is_allowed(folders: AllowedFolders, path: str) -> bool:
    try:
        folders.place(path)
    except OutsideFolderError:
        return False
    return True


def _entry_json(name: str, path: str, is_folder: bool, status: os.stat_result | None) -> dict[str, Any]:
    shown = None if is_folder else status
    return {
        "name": name,
        "path": path,
        "kind": "folder" if is_folder else "file",
        "size": 0 if shown is None else shown.st_size,
        "modified": None if shown is None else iso_utc(shown.st_mtime),
    }
