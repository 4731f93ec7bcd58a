"""Folder path on the drive -> id, asked once for all the files that go there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

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
        self._absent: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}

    def know(self, folders: Mapping[str, str], absent: Iterable[str] = ()) -> None:
        """What a list has shown: nobody need ask for it.

        Args:
            folders: Path -> id.
            absent: Folders that are not there, so that they are made without being looked for.
        """
        self._known |= folders
        self._absent |= set(absent) - self._known.keys()

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
            found = await self._make(path) if create else await self._find(path)
            if found is None:
                raise TargetError(say("upload.no_folder", path=path), hint=say("upload.no_folder.hint"))
            self._known[path] = found
            self._absent.discard(path)
            return found

    async def _find(self, path: str) -> str | None:
        return None if path in self._absent else await self._drive.find_folder(path)

    async def _make(self, path: str) -> str:
        above, _, name = path.rpartition("/")
        above = above or "/"
        if path in self._absent and (above in self._known or above in self._absent):
            return await self._drive.make_folder(await self.id_of(above, create=True), name)
        return await self._drive.make_folders(path)

    def forget(self, path: str) -> None:
        """Ask again next time: the folder turned out to be gone."""
        path = check_folder_path(path)
        gone = [known for known in self._known if known == path or known.startswith(f"{path}/")]
        for known in gone:
            del self._known[known]
        self._known["/"] = "0"
