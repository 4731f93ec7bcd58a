"""The drive: folders and files with their ids, where they are, and what listings show of them.

protocol.md §6, protocol-drive.md D1, D4.2, D5.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ..database import Database
from ..settings import Settings
from .entry_names import check_name, encode_pick_code, suffix_of
from .replies import DriveError

ROOT = 0
MAX_LEVELS = 25

_FIRST_ID = 3_000_000_000_000_000_000
_COLUMNS = (
    "file_id, parent_id, name, is_dir, size, sha1, pick_code, added, suffix, modified, opened, starred, area,"
    " deleted, bin_id"
)
#: What listings show while some changes are too new to be seen: the former place and name of what was changed.
_SEEN = f"""(SELECT {_COLUMNS} FROM entry WHERE area=1 AND file_id NOT IN (SELECT file_id FROM former)
    UNION ALL SELECT e.file_id, f.parent_id, f.name, e.is_dir, e.size, e.sha1, e.pick_code, e.added, e.suffix,
    e.modified, e.opened, e.starred, f.area, e.deleted, e.bin_id
    FROM former f JOIN entry e ON e.file_id=f.file_id WHERE f.area=1)"""
_LIVE = "(SELECT * FROM entry WHERE area=1)"
_BELOW = f"""WITH RECURSIVE below(id) AS (VALUES(?) UNION
    SELECT file_id FROM {_LIVE} JOIN below ON parent_id=id WHERE is_dir)"""


class Area(IntEnum):
    """Where an entry is (``aid``)."""

    DRIVE = 1
    BIN = 7
    PURGED = 120


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder or file of the drive.

    Attributes:
        file_id: 19 digits.
        parent_id: 0 for the root; in the bin the folder it was in.
        sha1: Upper-case hex; empty for folders.
        added: Epoch seconds, as all times.
        suffix: Extension in lower case.
        opened: 0: never.
        deleted: 0: never.
        bin_id: What was deleted, this entry itself or a folder above it; 0 outside the bin.
    """

    file_id: int
    parent_id: int
    name: str
    is_dir: bool
    size: int
    sha1: str
    pick_code: str
    added: float
    suffix: str = ""
    modified: float = 0.0
    opened: float = 0.0
    starred: bool = False
    area: int = Area.DRIVE
    deleted: float = 0.0
    bin_id: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What is below a folder; size in bytes."""

    files: int
    folders: int
    size: int


@dataclass(frozen=True, slots=True)
class FolderOrder:
    """The order that a folder remembers.

    Attributes:
        field: As the ``o`` of a listing.
        mixed: Files and folders mixed, not folders first.
    """

    field: str = "user_ptime"
    ascending: bool = False
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries a listing or a search is about.

    Attributes:
        folder_id: The folder, or the top of the subtree.
        deep: All folders below it, too.
        files: Files among them.
        folders: Folders among them.
        suffixes: Only files with one of these extensions; empty for all.
        min_size: Bytes; with a limit on either side empty files are never among them.
        max_size: Bytes; 0 for none.
        text: Names that contain it.
        sha1: Upper-case hex.
        added_from: Epoch seconds.
        added_before: Epoch seconds; 0 for any.
        everywhere: Also what is in no folder any more.
    """

    folder_id: int = ROOT
    deep: bool = False
    files: bool = True
    folders: bool = True
    starred: bool = False
    suffixes: tuple[str, ...] = ()
    min_size: int = 0
    max_size: int = 0
    text: str = ""
    sha1: str = ""
    added_from: float = 0.0
    added_before: float = 0.0
    everywhere: bool = False

    def where(self) -> tuple[list[str], list[object]]:
        """Conditions in SQL, and their values."""
        wheres: list[str] = []
        values: list[object] = []

        def add(condition: str, *more: object) -> None:
            wheres.append(condition)
            values.extend(more)

        if not self.files:
            add("is_dir")
        if not self.folders:
            add("NOT is_dir")
        if self.starred:
            add("starred")
        if self.suffixes:
            add(f"(is_dir OR suffix IN ({','.join('?' * len(self.suffixes))}))", *self.suffixes)
        if self.min_size > 0 or self.max_size > 0:
            add("(is_dir OR size >= ?)", max(1, self.min_size))
        if self.max_size > 0:
            add("(is_dir OR size <= ?)", self.max_size)
        if self.text:
            pattern = self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            add("name LIKE ? ESCAPE '\\'", f"%{pattern}%")
        if self.sha1:
            add("sha1 = ?", self.sha1)
        if self.added_from:
            add("added >= ?", self.added_from)
        if self.added_before:
            add("added < ?", self.added_before)
        return wheres, values


class Tree:
    """The entries of one account's drive."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    # -- one entry

    def entry(self, file_id: int, *, area: int | None = Area.DRIVE) -> Entry | None:
        """An entry by id; None for the root or an unknown id.

        Args:
            area: Where it must be; None for anywhere.
        """
        row = self._database.row("SELECT * FROM entry WHERE file_id=?", file_id)
        return None if row is None or area not in (None, row["area"]) else _entry(row)

    def by_pick_code(self, pick_code: str, *, area: int | None = Area.DRIVE) -> Entry | None:
        """An entry by pick code."""
        row = self._database.row("SELECT * FROM entry WHERE pick_code=?", pick_code)
        return None if row is None or area not in (None, row["area"]) else _entry(row)

    def by_sha1(self, sha1: str) -> Entry | None:
        """The newest file of a content."""
        row = self._database.row(f"SELECT * FROM {_LIVE} WHERE sha1=? ORDER BY file_id DESC", sha1)
        return None if row is None else _entry(row)

    def is_folder(self, file_id: int) -> bool:
        """Is it the root or an existing folder?"""
        found = self.entry(file_id)
        return file_id == ROOT or (found is not None and found.is_dir)

    def child_folder(self, parent_id: int, name: str) -> Entry | None:
        """A folder by name."""
        row = self._database.row(f"SELECT * FROM {_LIVE} WHERE parent_id=? AND name=? AND is_dir", parent_id, name)
        return None if row is None else _entry(row)

    def find(self, path: str) -> Entry | None:
        """The entry at a path; folders win over files of the same name, the newest file over older ones."""
        parent_id, found = ROOT, None
        for name in (n for n in path.split("/") if n):
            row = self._database.row(
                f"SELECT * FROM {_LIVE} WHERE parent_id=? AND name=? ORDER BY is_dir DESC, file_id DESC",
                parent_id,
                name,
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
        """``/folder/name``; ``?/name`` below a folder that is not there (D0.9)."""
        chain = self.lineage(file_id)
        dangling = bool(chain) and chain[0].parent_id != ROOT
        return ("?/" if dangling else "/") + "/".join(e.name for e in chain)

    def names(self, folder_id: int, *, folders: bool, besides: int = -1) -> set[str]:
        """The names of a folder's files, or of its folders.

        Args:
            besides: An entry that does not count.
        """
        rows = self._database.rows(
            f"SELECT name FROM {_LIVE} WHERE parent_id=? AND is_dir=? AND file_id<>?",
            folder_id,
            int(folders),
            besides,
        )
        return {str(r["name"]) for r in rows}

    # -- many entries

    def page(
        self, selection: Selection, order: FolderOrder, offset: int = 0, limit: int = -1, *, natural: bool = False
    ) -> list[Entry]:
        """Some of the selected entries, as listings see them.

        Args:
            limit: -1 for all.
            natural: "2" before "10" where the order is by name.
        """
        source, head, where, values = self._query(selection)
        column = {
            "file_name": "name",
            "file_size": "size",
            "file_type": "suffix",
            "user_utime": "modified",
            "user_otime": "opened",
        }.get(order.field, "added")
        direction = "ASC" if order.ascending else "DESC"
        first = "" if order.mixed else "is_dir DESC, "
        sql = f"{head} SELECT * FROM {source} WHERE {where} ORDER BY {first}{column} {direction}, file_id {direction}"
        if natural and column == "name":
            found = [_entry(r) for r in self._database.rows(sql, *values)]
            found.sort(key=lambda e: natural_key(e.name), reverse=not order.ascending)
            if not order.mixed:
                found.sort(key=lambda e: not e.is_dir)
            return found[offset:] if limit < 0 else found[offset : offset + limit]
        return [_entry(r) for r in self._database.rows(f"{sql} LIMIT ? OFFSET ?", *values, limit, offset)]

    def count(self, selection: Selection) -> int:
        """How many entries are selected."""
        source, head, where, values = self._query(selection)
        return self._database.number(f"{head} SELECT count(*) FROM {source} WHERE {where}", *values)

    def _query(self, selection: Selection) -> tuple[str, str, str, list[object]]:
        self._database.run("DELETE FROM former WHERE until<=?", time.time())
        lagging = self._database.row("SELECT 1 FROM former LIMIT 1") is not None
        source = _SEEN if lagging else _LIVE
        wheres, values = selection.where()
        head = ""
        if selection.deep and not selection.everywhere:
            head = _BELOW
            wheres.insert(0, "parent_id IN below")
            values.insert(0, selection.folder_id)
        elif not selection.deep:
            wheres.insert(0, "parent_id=?")
            values.insert(0, selection.folder_id)
        return source, head, " AND ".join(wheres) or "1", values

    def totals(self, folder_id: int) -> Totals:
        """What is below a folder."""
        row = self._database.rows(
            f"{_BELOW} SELECT sum(NOT is_dir), sum(is_dir), sum(size) FROM {_LIVE} WHERE parent_id IN below",
            folder_id,
        )[0]
        return Totals(row[0] or 0, row[1] or 0, row[2] or 0)

    def all(self) -> list[Entry]:
        """Every entry of the drive, oldest first."""
        return [_entry(r) for r in self._database.rows(f"SELECT * FROM {_LIVE} ORDER BY file_id")]

    def below(self, folder_id: int) -> list[Entry]:
        """All entries below a folder, upper ones first."""
        found, level = [], [folder_id]
        while level:
            marks = ",".join("?" * len(level))
            rows = self._database.rows(f"SELECT * FROM {_LIVE} WHERE parent_id IN ({marks})", *level)
            entries = [_entry(r) for r in rows]
            found += entries
            level = [e.file_id for e in entries if e.is_dir]
        return found

    def used(self) -> int:
        """Bytes of all entries; what is in the bin counts until it is purged."""
        return self._database.number("SELECT sum(size) FROM entry WHERE area<>?", Area.PURGED)

    # -- the order that folders remember (D1.1)

    def order_of(self, folder_id: int) -> FolderOrder:
        """The order a folder remembers."""
        row = self._database.row("SELECT * FROM folder_order WHERE folder_id=?", folder_id)
        if row is None:
            return FolderOrder()
        return FolderOrder(row["field"], bool(row["ascending"]), bool(row["mixed"]))

    def remember_order(self, folder_id: int, order: FolderOrder) -> None:
        """From now on listings of the folder are in this order unless they bring their own."""
        self._database.run(
            "INSERT OR REPLACE INTO folder_order VALUES(?,?,?,?)",
            folder_id,
            order.field,
            int(order.ascending),
            int(order.mixed),
        )

    # -- new entries

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
        check_name(name)
        if not self.is_folder(parent_id):
            raise DriveError(20009, "父目录不存在。")
        if self.child_folder(parent_id, name):
            raise DriveError(20004, "该目录名称已存在。")
        if len(self.lineage(parent_id)) >= MAX_LEVELS:
            raise DriveError(990002, "参数错误。")
        self.check_room(parent_id)
        file_id = self.new_id()
        return self.add(Entry(file_id, parent_id, name, True, 0, "", encode_pick_code(file_id, folder=True), 0))

    def make_path(self, parent_id: int, path: str) -> int:
        """All folders of a path; forbidden characters become ``_`` as with ``add_path`` (protocol.md §6.1)."""
        for name in (n for n in path.split("/") if n):
            clean = name.translate(str.maketrans('"<>', "___"))
            found = self.child_folder(parent_id, clean) or self.make_folder(parent_id, clean)
            parent_id = found.file_id
        return parent_id

    def add_file(self, file_id: int, parent_id: int, name: str, size: int, sha1: str) -> Entry:
        """A new file entry, or the one of the folder that has this name and content already (D4.2).

        Another content under the same name is a second entry.

        Raises:
            DriveError: 10014 when the folder is gone, 2 when it is full.
        """
        if not self.is_folder(parent_id):
            raise DriveError(10014, "云端目录不存在，请恢复后重新上传")
        if self._settings.same_content_same_entry:
            row = self._database.row(
                f"SELECT * FROM {_LIVE} WHERE parent_id=? AND name=? AND NOT is_dir AND sha1=? AND size=?",
                parent_id,
                name,
                sha1,
                size,
            )
            if row is not None:
                return self.change(_entry(row), modified=time.time())
        self.check_room(parent_id)
        self._settings.space_left -= size
        return self.add(Entry(file_id, parent_id, name, False, size, sha1, encode_pick_code(file_id), 0))

    def check_room(self, parent_id: int, more: int = 1) -> None:
        """Has a folder room for so many entries?

        Raises:
            DriveError: 2.
        """
        held = self._database.number(f"SELECT count(*) FROM {_LIVE} WHERE parent_id=?", parent_id)
        if held + more > self._settings.folder_limit:
            raise DriveError(2, "网盘单个文件夹限5万个文件，请清理后再添加！")

    def add(self, entry: Entry, *, hidden: float = 0.0) -> Entry:
        """Put an entry in, with the time of now.

        Args:
            hidden: Seconds that listings do not show it, if that is longer than their lag.
        """
        now = time.time()
        self._database.run(
            f"INSERT INTO entry({_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            entry.file_id,
            entry.parent_id,
            entry.name,
            int(entry.is_dir),
            entry.size,
            entry.sha1,
            entry.pick_code,
            now,
            "" if entry.is_dir else suffix_of(entry.name),
            now,
            0.0,
            int(entry.starred),
            int(Area.DRIVE),
            0.0,
            0,
        )
        self._hide(entry, area=0, seconds=hidden)
        added = self.entry(entry.file_id)
        assert added is not None
        return added

    # -- changes

    def change(self, entry: Entry, **columns: object) -> Entry:
        """Set columns of an entry."""
        if not columns.keys().isdisjoint({"parent_id", "name", "area"}):
            self._hide(entry, area=entry.area)
        if "name" in columns and not entry.is_dir:
            columns["suffix"] = suffix_of(str(columns["name"]))
        assignments = ", ".join(f"{name}=?" for name in columns)
        self._database.run(f"UPDATE entry SET {assignments} WHERE file_id=?", *columns.values(), entry.file_id)
        changed = self.entry(entry.file_id, area=None)
        assert changed is not None
        return changed

    def _hide(self, entry: Entry, *, area: int, seconds: float = 0.0) -> None:
        """Listings go on showing what was before (area 0: nothing)."""
        seconds = max(seconds, self._settings.listing_lag_ms / 1000)
        if seconds > 0:
            self._database.run(
                "INSERT OR IGNORE INTO former VALUES(?,?,?,?,?)",
                entry.file_id,
                entry.parent_id,
                entry.name,
                int(area),
                time.time() + seconds,
            )

    def remove(self, file_id: int) -> None:
        """Take out an entry and all below it, as if it had never been."""
        gone = self.entry(file_id)
        if gone is None:
            return
        entries = [gone, *(self.below(file_id) if gone.is_dir else [])]
        self._settings.space_left += sum(e.size for e in entries)
        with self._database.transaction():
            for entry in entries:
                self._database.run("DELETE FROM entry WHERE file_id=?", entry.file_id)

    # -- the bin

    def in_bin(self, offset: int = 0, limit: int = -1) -> list[Entry]:
        """What was deleted, newest first; not what was in a deleted folder."""
        rows = self._database.rows(
            "SELECT * FROM entry WHERE area=? AND bin_id=file_id ORDER BY deleted DESC, file_id DESC"
            " LIMIT ? OFFSET ?",
            Area.BIN,
            limit,
            offset,
        )
        return [_entry(r) for r in rows]

    def bin_count(self) -> int:
        """How many there are in the bin."""
        return self._database.number("SELECT count(*) FROM entry WHERE area=? AND bin_id=file_id", Area.BIN)

    def bin_contents(self, bin_id: int) -> list[Entry]:
        """A deleted entry with all that was in it, itself first."""
        rows = self._database.rows(
            "SELECT * FROM entry WHERE area=? AND bin_id=? ORDER BY file_id<>bin_id", Area.BIN, bin_id
        )
        return [_entry(r) for r in rows]

    def change_all(self, entries: Iterable[Entry], **columns: object) -> None:
        """Set the same columns of many entries at once."""
        with self._database.transaction():
            for entry in entries:
                self.change(entry, **columns)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers in names by their value."""
    key: list[tuple[int, int, str]] = []
    text, digits = "", ""
    for char in name:
        if char.isascii() and char.isdigit():
            if text:
                key.append((1, 0, text))
                text = ""
            digits += char
        else:
            if digits:
                key.append((0, int(digits), ""))
                digits = ""
            text += char
    if digits:
        key.append((0, int(digits), ""))
    if text:
        key.append((1, 0, text))
    return key


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
        row["suffix"],
        row["modified"],
        row["opened"],
        bool(row["starred"]),
        row["area"],
        row["deleted"],
        row["bin_id"],
    )
