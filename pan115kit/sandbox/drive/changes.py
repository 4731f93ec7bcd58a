"""Rename, move, copy, delete, restore and purge, with 115's rules and one at a time (protocol-drive.md D4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import Enum

from ..settings import Settings
from .entry_names import check_name, encode_pick_code, numbered_name, renamed_file
from .replies import DriveError
from .tree import ROOT, Area, Entry, Tree


class Change(Enum):
    """What can be running; 115's code and words for whoever comes meanwhile (D4.3)."""

    RENAME = (990009, "重命名操作尚未执行完成，请稍后再试！")
    MOVE = (990019, "移动操作尚未执行完成，请稍后再试！")
    COPY = (990009, "复制操作尚未执行完成，请稍后再试！")
    DELETE = (990009, "删除操作尚未执行完成，请稍后再试！")
    RESTORE = (990009, "还原操作尚未执行完成，请稍后再试！")


class Changes:
    """The changes of one account's drive."""

    def __init__(self, tree: Tree, settings: Settings) -> None:
        self._tree = tree
        self._settings = settings
        self._running: Change | None = None
        self._busy_until = 0.0
        self._busy_with = Change.DELETE

    @asynccontextmanager
    async def _alone(self, change: Change) -> AsyncIterator[None]:
        """One change of the account at a time.

        Raises:
            DriveError: 990009 or 990019: another one is running, or goes on after its reply.
        """
        if self._running is not None:
            raise DriveError(*self._running.value)
        if time.monotonic() < self._busy_until:
            raise DriveError(*self._busy_with.value)
        self._running = change
        try:
            await asyncio.sleep(self._settings.change_ms / 1000)
            yield
        finally:
            self._running = None

    def _goes_on(self, change: Change, entries: Iterable[Entry]) -> None:
        """Folders are still worked on after the reply (D4.2)."""
        if any(e.is_dir for e in entries):
            self._busy_with = change
            self._busy_until = time.monotonic() + self._settings.folder_change_ms / 1000

    def _entries(self, ids: Sequence[int]) -> list[Entry]:
        found = [self._tree.entry(i) for i in dict.fromkeys(ids)]
        if self._settings.refuse_missing_ids and None in found:
            raise DriveError(231011, "文件已删除，请勿重复操作。")
        return [e for e in found if e is not None]

    # -- names

    async def rename(self, names: dict[int, str]) -> dict[int, str]:
        """New names by id; the final names of those that changed.

        Raises:
            DriveError: 20001-20003, or another change is running.
        """
        async with self._alone(Change.RENAME):
            for name in names.values():
                check_name(name)
            return {i: final for i, name in names.items() if (final := self._rename(i, name)) is not None}

    def _rename(self, file_id: int, name: str) -> str | None:
        entry = self._tree.entry(file_id)
        if entry is None:
            return None
        wanted = name if entry.is_dir else renamed_file(entry.name, name)
        taken = self._tree.names(entry.parent_id, folders=entry.is_dir, besides=file_id)
        final = numbered_name(wanted, taken, folder=entry.is_dir)
        if final == entry.name:
            return None
        self._tree.change(entry, name=final, modified=time.time())
        return final

    def star(self, file_id: int, *, starred: bool) -> None:
        """Mark an entry, or take the mark away."""
        entry = self._tree.entry(file_id)
        if entry is not None:
            self._tree.change(entry, starred=int(starred))

    # -- places

    async def move(self, ids: Sequence[int], target: int) -> None:
        """Put entries into another folder; one that is not there is taken, too: they become dangling (D0.9).

        Raises:
            DriveError: 800006 into itself, 990023 too many, 2 the folder is full, or another change is running.
        """
        async with self._alone(Change.MOVE):
            entries = [e for e in self._entries(ids) if e.parent_id != target]
            self._check_target(entries, target, DriveError(800006, "不能将文件移动到自身或其子目录下。"))
            self._check_count(entries, DriveError(990023, "移动的文件总数不能超过5万个。"))
            if self._tree.is_folder(target):
                self._tree.check_room(target, len(entries))
            for entry in entries:
                taken = self._tree.names(target, folders=entry.is_dir)
                self._tree.change(entry, parent_id=target, name=numbered_name(entry.name, taken, folder=entry.is_dir))

    async def copy(self, ids: Sequence[int], target: int, *, skip_taken: bool = False) -> None:
        """Copy entries into another folder; the copies have ids of their own, which the reply does not name.

        Args:
            skip_taken: Leave out what has its name there already (``nodupli``).

        Raises:
            DriveError: 91002 into itself or its own folder, 91004 too many, 91005 no space, 2 the folder is full,
                20009 no such folder, or another change is running.
        """
        async with self._alone(Change.COPY):
            entries = self._entries(ids)
            if not self._tree.is_folder(target):
                raise DriveError(20009, "父目录不存在。")
            into_itself = DriveError(91002, "不能将文件复制到自身或其子目录下。")
            if any(e.parent_id == target for e in entries):
                raise into_itself
            self._check_target(entries, target, into_itself)
            self._check_count(entries, DriveError(91004, "复制的文件总数不能超过5万个。"))
            below = {e.file_id: self._tree.below(e.file_id) if e.is_dir else [] for e in entries}
            if sum(e.size for top in entries for e in [top, *below[top.file_id]]) > self._settings.space_left:
                raise DriveError(91005, "空间不足，复制失败。")
            self._tree.check_room(target, len(entries))
            for top in entries:
                taken = self._tree.names(target, folders=top.is_dir)
                if not skip_taken or top.name not in taken:
                    self._copy(top, below[top.file_id], target, numbered_name(top.name, taken, folder=top.is_dir))
            self._goes_on(Change.COPY, entries)

    def _copy(self, top: Entry, below: list[Entry], target: int, name: str) -> None:
        # A folder's copy goes on after the reply: listings show it when it is done.
        hidden = self._settings.folder_change_ms / 1000 if top.is_dir else 0.0
        new_ids: dict[int, int] = {}
        for entry in [top, *below]:
            new_id = new_ids[entry.file_id] = self._tree.new_id()
            self._settings.space_left -= entry.size
            copy = replace(
                entry,
                file_id=new_id,
                parent_id=target if entry is top else new_ids[entry.parent_id],
                name=name if entry is top else entry.name,
                pick_code=encode_pick_code(new_id, folder=entry.is_dir),
                starred=False,
            )
            self._tree.add(copy, hidden=hidden if entry is top else 0.0)

    def _check_target(self, entries: list[Entry], target: int, refusal: DriveError) -> None:
        above = {e.file_id for e in self._tree.lineage(target)}
        if any(e.file_id in above for e in entries):
            raise refusal

    def _check_count(self, entries: list[Entry], refusal: DriveError) -> None:
        count = 0
        for entry in entries:
            inside = self._tree.totals(entry.file_id) if entry.is_dir else None
            count += 1 if inside is None else 1 + inside.files + inside.folders
        if count > self._settings.change_limit:
            raise refusal

    # -- the bin

    async def delete(self, ids: Sequence[int]) -> None:
        """Put entries into the bin.

        Raises:
            DriveError: Another change is running.
        """
        async with self._alone(Change.DELETE):
            entries = self._entries(ids)
            for top in entries:
                below = self._tree.below(top.file_id) if top.is_dir else []
                self._tree.change_all(
                    [top, *below], area=int(Area.BIN), bin_id=top.file_id, deleted=time.time(), starred=0
                )
            self._goes_on(Change.DELETE, entries)

    async def restore(self, ids: Sequence[int]) -> dict[int, bool]:
        """Take entries out of the bin; for each id whether it was there.

        Raises:
            DriveError: Another change is running.
        """
        async with self._alone(Change.RESTORE):
            return {bin_id: self._restore(bin_id) for bin_id in ids}

    def _restore(self, bin_id: int) -> bool:
        entries = self._tree.bin_contents(bin_id)
        if not entries:
            return False
        self._tree.change_all(entries, area=int(Area.DRIVE), bin_id=0)
        # What 115 does when the folder has gone meanwhile is not established.
        if not self._tree.is_folder(entries[0].parent_id):
            self._tree.change(entries[0], parent_id=ROOT)
        return True

    async def purge(self, ids: Sequence[int] | None) -> None:
        """Empty the bin of some entries, or (None) of all.

        Raises:
            DriveError: Another change is running.
        """
        async with self._alone(Change.DELETE):
            for bin_id in [e.file_id for e in self._tree.in_bin()] if ids is None else ids:
                entries = self._tree.bin_contents(bin_id)
                self._settings.space_left += sum(e.size for e in entries)
                self._tree.change_all(entries, area=int(Area.PURGED))
