"""What the sandbox remembers (SQLite) and what can be turned while it runs (:class:`Dials`).

Example:
    >>> shelf = Shelf(":memory:")
    >>> shelf.put("user_id", "7"); shelf.get("user_id")
    '7'
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import GIB, MIB

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entry(
    file_id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, name TEXT NOT NULL, is_dir INTEGER NOT NULL,
    size INTEGER NOT NULL, sha1 TEXT NOT NULL, pick_code TEXT NOT NULL, added REAL NOT NULL);
CREATE INDEX IF NOT EXISTS entry_parent ON entry(parent_id, name);
CREATE INDEX IF NOT EXISTS entry_pick ON entry(pick_code);
CREATE TABLE IF NOT EXISTS content(
    sha1 TEXT NOT NULL, size INTEGER NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL,
    PRIMARY KEY(sha1, size));
CREATE TABLE IF NOT EXISTS ticket(
    pick_code TEXT PRIMARY KEY, file_id INTEGER NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
    sha1 TEXT NOT NULL, parent_id INTEGER NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS challenge(
    sign_key TEXT PRIMARY KEY, sha1 TEXT NOT NULL, size INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS login(
    slot TEXT PRIMARY KEY, uid TEXT NOT NULL, cid TEXT NOT NULL, seid TEXT NOT NULL, kid TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS token(
    value TEXT PRIMARY KEY, kind TEXT NOT NULL, expires REAL NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sts(
    key_id TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS object(
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, md5 TEXT NOT NULL,
    sha1 TEXT NOT NULL, crc64 TEXT NOT NULL, mime TEXT NOT NULL, segments TEXT NOT NULL, stored REAL NOT NULL,
    PRIMARY KEY(bucket, key));
CREATE TABLE IF NOT EXISTS upload(
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, sequential INTEGER NOT NULL,
    mime TEXT NOT NULL, initiated REAL NOT NULL);
CREATE TABLE IF NOT EXISTS part(
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, md5 TEXT NOT NULL,
    crc64 TEXT NOT NULL, segment TEXT NOT NULL, stored REAL NOT NULL, PRIMARY KEY(upload_id, number));
"""


@dataclass(slots=True)
class Dials:
    """Everything that can be changed while the sandbox runs.

    Attributes:
        sts_life: Seconds that new STS keys live (P§2.2: 3600).
        access_token_life: Seconds that new access tokens live (P§1.2: 7200).
        latency_ms: Milliseconds every request waits before it is looked at.
        bandwidth: Bytes per second into OSS, over all connections together; None for no limit.
        size_limit: Bytes of the largest file of the account (P§2.1).
        space_left: Bytes the drive still has room for.
        second_check_size: Files of at least this many bytes are asked for the SHA-1 of a range (P§2.3).
        min_app_version: initupload answers "please upgrade" below it.
        callback_timeout: Seconds OSS waits for the callback (P§4.9: 5).
        qr_polls: Status polls until a QR login counts as confirmed; None: only :meth:`Sandbox.login_step` does.
        qr_long_poll: Seconds a status poll is held when nothing changes by itself.
        object_as_url: init answers with a full URL as ``object``, which p115oss needs to keep the port (P§11.3).
        folder_limit: Entries a folder may have (P§6.3).

    Example:
        >>> Dials().sts_life
        3600.0
    """

    sts_life: float = 3600.0
    access_token_life: float = 7200.0
    latency_ms: float = 0.0
    bandwidth: float | None = None
    size_limit: int = 115 * GIB
    space_left: int = 10 * 1024 * GIB
    second_check_size: int = MIB
    min_app_version: str = "27.0.0"
    callback_timeout: float = 5.0
    qr_polls: int | None = 3
    qr_long_poll: float = 30.0
    object_as_url: bool = False
    folder_limit: int = 50_000


class Shelf:
    """One SQLite connection that any thread may use, one statement at a time.

    Written without fsync: it survives a killed process, which is what a sandbox can suffer, not a power cut.

    Example:
        >>> Shelf(":memory:").number("SELECT count(*) FROM entry")
        0
    """

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query; or run a statement."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def number(self, sql: str, *values: Any) -> int:
        """The one number that a query gives."""
        return int(self.rows(sql, *values)[0][0] or 0)

    def get(self, name: str) -> str | None:
        """A setting."""
        found = self.row("SELECT value FROM setting WHERE name=?", name)
        return None if found is None else str(found["value"])

    def put(self, name: str, value: str) -> None:
        """Remember a setting."""
        self.rows("INSERT OR REPLACE INTO setting VALUES(?,?)", name, value)

    def once(self, name: str, make: Callable[[], str]) -> str:
        """The setting, made on first use and the same ever after (keys and credentials of a data directory)."""
        value = self.get(name)
        if value is None:
            value = make()
            self.put(name, value)
        return value

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
