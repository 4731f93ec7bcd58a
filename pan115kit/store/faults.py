"""SQLite's and the file system's errors in words a user can act on."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreDamagedError, StoreError
from ..i18n import say

#: The catalogue's keys of what happened and of what to do.
_Texts = tuple[str, str]

_FULL: _Texts = ("store.full", "store.full.hint")
_READ_ONLY: _Texts = ("store.read_only", "store.make_writable.hint")
_MAY_NOT_WRITE: _Texts = ("store.may_not_write", "store.make_writable.hint")
_NO_DIRECTORY: _Texts = ("store.no_directory", "store.no_directory.hint")

_SQLITE_FAULTS: dict[int, _Texts] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _MAY_NOT_WRITE,
    sqlite3.SQLITE_CANTOPEN: ("store.cannot_open", "store.cannot_open.hint"),
    sqlite3.SQLITE_IOERR: ("store.io_failed", "store.io_failed.hint"),
    sqlite3.SQLITE_PROTOCOL: ("store.cannot_lock", "store.cannot_lock.hint"),
}
_OS_FAULTS: dict[int, _Texts] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: ("store.quota", "store.full.hint"),
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _MAY_NOT_WRITE,
    errno.EPERM: _MAY_NOT_WRITE,
    errno.ENOTDIR: _NO_DIRECTORY,
    errno.EEXIST: _NO_DIRECTORY,
}
_UNUSABLE: _Texts = ("store.unusable", "store.unusable.hint")


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, or 0 where the error is Python's own."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the database just now, so that waiting helps."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is not (or no longer) a database."""
    return primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_table_missing(error: sqlite3.Error) -> bool:
    """Whether a table of ours is gone: the file was emptied under an open connection."""
    return primary_code(error) == sqlite3.SQLITE_ERROR and str(error).startswith("no such table")


def explain(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """The error as a :class:`StoreError` that says what to do.

    Args:
        error: What SQLite or the system said.
        path: The database or directory it was about.
    """
    if isinstance(error, OSError):
        number = error.errno or 0
        message, hint = _OS_FAULTS.get(number, _UNUSABLE)
        return StoreError(say(message, path=path), hint=say(hint), code=errno.errorcode.get(number))
    name = getattr(error, "sqlite_errorname", None)
    if is_damage(error):
        return StoreDamagedError(say("store.damaged", path=path), hint=say("store.damaged.hint"), code=name)
    if is_busy(error):
        return StoreError(say("store.locked", path=path), hint=say("store.locked.hint"), code=name, retryable=True)
    if (texts := _SQLITE_FAULTS.get(primary_code(error))) is not None:
        message, hint = texts
        return StoreError(say(message, path=path), hint=say(hint), code=name)
    return StoreError(say("store.failed", words=error, path=path), code=name)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into :class:`StoreError` within the block."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error
