"""SQLite's and the file system's errors in words a user can act on."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreDamagedError, StoreError
from ..i18n import both

_ELSEWHERE = "or choose another directory with state_dir= or PAN115_STATE_DIR"

_SQLITE_FAULTS = {
    sqlite3.SQLITE_FULL: ("the disk of the state directory is full", f"free some space, {_ELSEWHERE}"),
    sqlite3.SQLITE_READONLY: ("the state directory is read-only", f"make it writable, {_ELSEWHERE}"),
    sqlite3.SQLITE_PERM: ("the state directory may not be written", f"make it writable, {_ELSEWHERE}"),
    sqlite3.SQLITE_CANTOPEN: (
        "the state database cannot be opened",
        f"check the directory's permissions, {_ELSEWHERE}",
    ),
    sqlite3.SQLITE_IOERR: (
        "reading or writing the state database failed",
        f"check the disk and its free space, {_ELSEWHERE}",
    ),
    sqlite3.SQLITE_PROTOCOL: (
        "the state directory's file system cannot lock files",
        f"use a local disk: {_ELSEWHERE[3:]}",
    ),
}

_OS_FAULTS = {
    errno.ENOSPC: _SQLITE_FAULTS[sqlite3.SQLITE_FULL],
    errno.EDQUOT: ("the disk quota of the state directory is used up", f"free some space, {_ELSEWHERE}"),
    errno.EROFS: _SQLITE_FAULTS[sqlite3.SQLITE_READONLY],
    errno.EACCES: ("the state directory may not be written", f"make it writable, {_ELSEWHERE}"),
    errno.EPERM: ("the state directory may not be written", f"make it writable, {_ELSEWHERE}"),
    errno.ENOTDIR: ("the state directory is not a directory", f"move the file away, {_ELSEWHERE}"),
    errno.EEXIST: ("the state directory is not a directory", f"move the file away, {_ELSEWHERE}"),
}


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, or 0 where the error is Python's own."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the database just now, so that waiting helps."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is not (or no longer) a database."""
    return primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def explain(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """The error as a :class:`StoreError` that says what to do.

    Args:
        error: What SQLite or the system said.
        path: The database or directory it was about.
    """
    if isinstance(error, OSError):
        what, hint = _OS_FAULTS.get(
            error.errno or 0, ("the state directory cannot be used", f"check it, {_ELSEWHERE}")
        )
        return StoreError(f"{what} ({path})", hint=hint, code=errno.errorcode.get(error.errno or 0))
    name = getattr(error, "sqlite_errorname", None)
    if is_damage(error):
        return StoreDamagedError(
            f"the state database {path} is damaged",
            hint="start again: it is then set aside and a new one is begun",
            code=name,
        )
    if is_busy(error):
        return StoreError(
            f"the state database {path} is locked by another program",
            hint=both("请关闭占用它的程序后再试", "close programs that hold it open and try again"),
            code=name,
            retryable=True,
        )
    what, hint = _SQLITE_FAULTS.get(primary_code(error), (f"the state database failed: {error}", ""))
    return StoreError(f"{what} ({path})", hint=hint, code=name)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into :class:`StoreError` within the block."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error
