"""What the sandbox remembers: one SQLite file, which a restart on the same data directory goes on with."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entry(
    file_id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, name TEXT NOT NULL, is_dir INTEGER NOT NULL,
    size INTEGER NOT NULL, sha1 TEXT NOT NULL, pick_code TEXT NOT NULL, added REAL NOT NULL,
    suffix TEXT NOT NULL DEFAULT '', modified REAL NOT NULL DEFAULT 0, opened REAL NOT NULL DEFAULT 0,
    starred INTEGER NOT NULL DEFAULT 0, area INTEGER NOT NULL DEFAULT 1, deleted REAL NOT NULL DEFAULT 0,
    bin_id INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS entry_parent ON entry(parent_id, name);
CREATE INDEX IF NOT EXISTS entry_pick ON entry(pick_code);
CREATE INDEX IF NOT EXISTS entry_sha1 ON entry(sha1);
CREATE INDEX IF NOT EXISTS entry_bin ON entry(bin_id) WHERE bin_id<>0;
CREATE TABLE IF NOT EXISTS former(
    file_id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, name TEXT NOT NULL, area INTEGER NOT NULL,
    until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS folder_order(
    folder_id INTEGER PRIMARY KEY, field TEXT NOT NULL, ascending INTEGER NOT NULL, mixed INTEGER NOT NULL);
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


class Database:
    """One SQLite connection that any thread may use, one statement at a time.

    Written without fsync: it survives a killed process, which is what a sandbox can suffer, not a power cut.
    """

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: Any) -> None:
        """Carry out a statement."""
        with self._lock:
            self._connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside at once, or none of them."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:  # also on Ctrl-C: whole or not at all
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def number(self, sql: str, *values: Any) -> int:
        """The one number that a query gives."""
        return int(self.rows(sql, *values)[0][0] or 0)

    def get(self, name: str) -> str | None:
        """The value kept under a name, or None."""
        found = self.row("SELECT value FROM kept WHERE name=?", name)
        return None if found is None else str(found["value"])

    def put(self, name: str, value: str) -> None:
        """Keep a value under a name."""
        self.run("INSERT OR REPLACE INTO kept VALUES(?,?)", name, value)

    def once(self, name: str, make: Callable[[], str]) -> str:
        """The value kept under a name, made on first use (keys and credentials of a data directory)."""
        value = self.get(name)
        if value is None:
            value = make()
            self.put(name, value)
        return value

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
