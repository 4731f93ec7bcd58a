"""The drive: folders and files, their ids, pick codes and rules (protocol.md §6, §11.4)."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..database import Database
from ..settings import Settings
from .replies import DriveError

ROOT = 0
MAX_NAME = 255
MAX_LEVELS = 25

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
#: The scrambled alphabets of the prefixes used here (protocol.md §11.4).
_SCRAMBLED = {"a": "fuln1ytpj3smg8d5a094qh7cxkbi62zvewro", "fa": "fumk0ytpj3sng8d5a194qh7cxlbi62zvewro"}
_FIRST_ID = 3_000_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder or file of the drive.

    Attributes:
        file_id: 19 digits.
        parent_id: 0 for the root.
        sha1: Upper-case hex; empty for folders.
        added: Epoch seconds.
    """

    file_id: int
    parent_id: int
    name: str
    is_dir: bool
    size: int
    sha1: str
    pick_code: str
    added: float


def encode_pick_code(file_id: int, *, folder: bool = False) -> str:
    """The pick code of an id; clients decode it back (protocol.md §11.4).

    Example:
        >>> encode_pick_code(35)
        'auhhhh'
    """
    prefix = "fa" if folder else "a"
    table = str.maketrans(_SCRAMBLED[prefix], _ALPHABET)
    digits = ""
    number = file_id
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return prefix + (digits + "0000").translate(table)


def short_name(name: str) -> str:
    """A file name of at most 255 bytes, cut with ``..`` before its extension as 115 does (protocol.md §6.3).

    Example:
        >>> short_name("a.txt"), len(short_name("片" * 100 + ".mkv").encode()) <= 255
        ('a.txt', True)
    """
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 32:
        stem, extension = name, ""
    tail = ".." + (f".{extension}" if extension else "")
    return stem.encode()[: MAX_NAME - len(tail.encode())].decode("utf-8", "ignore") + tail


class Tree:
    """The entries of one account's drive."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    # -- looking

    def entry(self, file_id: int) -> Entry | None:
        """An entry by id; None for the root or an unknown id."""
        row = self._database.row("SELECT * FROM entry WHERE file_id=?", file_id)
        return None if row is None else _entry(row)

    def by_pick_code(self, pick_code: str) -> Entry | None:
        """An entry by pick code."""
        row = self._database.row("SELECT * FROM entry WHERE pick_code=?", pick_code)
        return None if row is None else _entry(row)

    def is_folder(self, file_id: int) -> bool:
        """Is it the root or an existing folder?"""
        found = self.entry(file_id)
        return file_id == ROOT or (found is not None and found.is_dir)

    def child_folder(self, parent_id: int, name: str) -> Entry | None:
        """A folder by name."""
        row = self._database.row("SELECT * FROM entry WHERE parent_id=? AND name=? AND is_dir=1", parent_id, name)
        return None if row is None else _entry(row)

    def find(self, path: str) -> Entry | None:
        """The entry at a path; folders win over files of the same name, the newest file over older ones."""
        names = [n for n in path.split("/") if n]
        parent_id, found = ROOT, None
        for name in names:
            row = self._database.row(
                "SELECT * FROM entry WHERE parent_id=? AND name=? ORDER BY is_dir DESC, file_id DESC", parent_id, name
            )
            if row is None:
                return None
            found = _entry(row)
            parent_id = found.file_id
        return found

    def lineage(self, file_id: int) -> list[Entry]:
        """An entry's folders from the root down, with itself."""
        chain: list[Entry] = []
        current = self.entry(file_id)
        while current is not None:
            chain.insert(0, current)
            current = self.entry(current.parent_id)
        return chain

    def path(self, file_id: int) -> str:
        """``/folder/name``."""
        return "/" + "/".join(e.name for e in self.lineage(file_id))

    def children(
        self,
        folder_id: int,
        *,
        order: str = "user_ptime",
        ascending: bool = False,
        folders: bool = True,
        deep: bool = False,
    ) -> list[Entry]:
        """What a folder holds, folders first.

        Args:
            folders: Folders too; False: files alone.
            deep: Where files alone are asked for, those of all folders below, too: so 115 lists with
                ``show_dir=0`` and no ``cur=1``.
        """
        column = {"file_name": "name", "file_size": "size"}.get(order, "added")
        direction = "ASC" if ascending else "DESC"
        rows = self._database.rows(
            "WITH RECURSIVE below(id) AS (VALUES(?) UNION"
            " SELECT file_id FROM entry JOIN below ON parent_id=id WHERE is_dir AND ?)"
            " SELECT * FROM entry WHERE parent_id IN below AND is_dir<=?"
            f" ORDER BY is_dir DESC, {column} {direction}, file_id {direction}",
            folder_id,
            int(deep and not folders),
            int(folders),
        )
        return [_entry(r) for r in rows]

    def search(self, text: str, below: int = ROOT) -> list[Entry]:
        """Entries below a folder whose name contains a text."""
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._database.rows("SELECT * FROM entry WHERE name LIKE ? ESCAPE '\\' ORDER BY file_id DESC", pattern)
        found = [_entry(r) for r in rows]
        if below == ROOT:
            return found
        return [e for e in found if any(a.file_id == below for a in self.lineage(e.parent_id))]

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        return [_entry(r) for r in self._database.rows("SELECT * FROM entry ORDER BY file_id")]

    def subtree(self, folder_id: int) -> Iterator[Entry]:
        """Everything below a folder."""
        for child in self.children(folder_id):
            yield child
            if child.is_dir:
                yield from self.subtree(child.file_id)

    def used(self) -> int:
        """Bytes of all entries."""
        return self._database.number("SELECT sum(size) FROM entry")

    # -- changing

    def new_id(self) -> int:
        """An id nothing has or had."""
        last = int(self._database.get("last_id") or _FIRST_ID)
        fresh = last + 1 + secrets.randbelow(1_000_000)
        self._database.put("last_id", str(fresh))
        return fresh

    def make_folder(self, parent_id: int, name: str) -> Entry:
        """A new folder.

        Raises:
            DriveError: 20001-20004, 20009, 2 (protocol.md §6.3, §7).
        """
        if not name.strip():
            raise DriveError(20001, "目录名称不能为空")
        if len(name) > MAX_NAME:
            raise DriveError(20002, "目录名称不能超出255个字。")
        if any(c in name for c in '"<>'):
            raise DriveError(20003, '文件名不能包含以下任意字符之一 “ " < > ”。')
        if not self.is_folder(parent_id):
            raise DriveError(20009, "父目录不存在。")
        if self.child_folder(parent_id, name):
            raise DriveError(20004, "该目录名称已存在。")
        if len(self.lineage(parent_id)) >= MAX_LEVELS:
            raise DriveError(990002, "参数错误。")
        self._check_room(parent_id)
        file_id = self.new_id()
        return self._add(Entry(file_id, parent_id, name, True, 0, "", encode_pick_code(file_id, folder=True), 0))

    def make_path(self, parent_id: int, path: str) -> int:
        """All folders of a path; forbidden characters become ``_`` as with ``add_path`` (protocol.md §6.1)."""
        for name in (n for n in path.split("/") if n):
            clean = name.translate(str.maketrans('"<>', "___"))
            found = self.child_folder(parent_id, clean) or self.make_folder(parent_id, clean)
            parent_id = found.file_id
        return parent_id

    def add_file(self, file_id: int, parent_id: int, name: str, size: int, sha1: str) -> Entry:
        """A new file entry; equal names are allowed (protocol.md §6.3).

        Raises:
            DriveError: 10014 when the folder is gone, 2 when it is full.
        """
        if not self.is_folder(parent_id):
            raise DriveError(10014, "云端目录不存在，请恢复后重新上传")
        self._check_room(parent_id)
        self._settings.space_left -= size
        return self._add(Entry(file_id, parent_id, name, False, size, sha1, encode_pick_code(file_id), 0))

    def remove(self, file_id: int) -> None:
        """An entry and all below it."""
        for child in self.children(file_id):
            self.remove(child.file_id)
        gone = self.entry(file_id)
        if gone is not None:
            self._settings.space_left += gone.size
        self._database.run("DELETE FROM entry WHERE file_id=?", file_id)

    def _check_room(self, parent_id: int) -> None:
        if (
            self._database.number("SELECT count(*) FROM entry WHERE parent_id=?", parent_id)
            >= self._settings.folder_limit
        ):
            raise DriveError(2, "网盘单个文件夹限5万个文件，请清理后再添加！")

    def _add(self, entry: Entry) -> Entry:
        self._database.run(
            "INSERT INTO entry VALUES(?,?,?,?,?,?,?,?)",
            entry.file_id,
            entry.parent_id,
            entry.name,
            int(entry.is_dir),
            entry.size,
            entry.sha1,
            entry.pick_code,
            time.time(),
        )
        added = self.entry(entry.file_id)
        assert added is not None
        return added


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        row["file_id"],
        row["parent_id"],
        row["name"],
        bool(row["is_dir"]),
        row["size"],
        row["sha1"],
        row["pick_code"],
        row["added"],
    )
