"""Folder path on the drive -> id, asked once for all the files that go there."""

from __future__ import annotations

import asyncio

from ..drive.interface import Drive
from ..drive.names import check_folder_path
from ..errors import TargetError
from ..i18n import say


class TargetFolders:
    """The folders that uploads go to.

    Args:
        drive: Where they are.
    """

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._known: dict[str, str] = {"/": "0"}
        self._locks: dict[str, asyncio.Lock] = {}

    async def id_of(self, path: str, *, create: bool) -> str:
        """The id of folder ``path``.

        Args:
            path: ``/a/b``.
            create: Make what is missing.

        Raises:
            TargetError: It is missing and may not, or cannot, be made.
        """
        path = check_folder_path(path)
        if path in self._known:
            return self._known[path]
        async with self._locks.setdefault(path, asyncio.Lock()):
            if path in self._known:
                return self._known[path]
            found = await (self._drive.make_folders(path) if create else self._drive.find_folder(path))
            if found is None:
                raise TargetError(say("upload.no_folder", path=path), hint=say("upload.no_folder.hint"))
            self._known[path] = found
            return found

    def forget(self, path: str) -> None:
        """Ask again next time: the folder turned out to be gone."""
        self._known.pop(check_folder_path(path), None)
        self._known["/"] = "0"
