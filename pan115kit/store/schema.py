"""The tables, their version, and the way from an older version to this one.

No table has a place for a cookie, a token or an STS key, so none can be stored by mistake.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import StoreError
from ..i18n import say

#: MIGRATIONS[n] takes a database from version n to n + 1; its version is in ``PRAGMA user_version``.
#: Never edit one that was released: append.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE sessions (
            id INTEGER PRIMARY KEY,
            session_id TEXT NOT NULL UNIQUE,
            file_path TEXT NOT NULL,
            file_name TEXT NOT NULL,
            file_size INTEGER NOT NULL,
            file_sha1 TEXT NOT NULL,
            target_dir_id TEXT NOT NULL,
            target_path TEXT NOT NULL,
            status TEXT NOT NULL,
            part_size INTEGER NOT NULL,
            total_parts INTEGER NOT NULL,
            upload_id TEXT NOT NULL,
            bucket TEXT,
            object_key TEXT,
            callback TEXT,
            callback_var TEXT,
            pick_code TEXT,
            identity TEXT,
            job_id TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            error_message TEXT,
            part_count INTEGER NOT NULL DEFAULT 0,
            part_bytes INTEGER NOT NULL DEFAULT 0,
            last_part INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX sessions_by_time ON sessions (updated_at)",
        """CREATE TABLE parts (
            session INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            size INTEGER NOT NULL,
            etag TEXT NOT NULL,
            crc64 TEXT,
            PRIMARY KEY (session, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE pending_aborts (
            upload_id TEXT PRIMARY KEY,
            bucket TEXT NOT NULL,
            object_key TEXT NOT NULL,
            created_at REAL NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE history (
            id INTEGER PRIMARY KEY,
            job_id TEXT NOT NULL UNIQUE,
            file_path TEXT NOT NULL,
            file_name TEXT NOT NULL,
            file_size INTEGER NOT NULL,
            sha1 TEXT NOT NULL,
            target_path TEXT NOT NULL,
            status TEXT NOT NULL,
            quick_upload INTEGER NOT NULL,
            bytes_sent INTEGER NOT NULL,
            resumed INTEGER NOT NULL,
            retries INTEGER NOT NULL,
            started_at REAL NOT NULL,
            finished_at REAL NOT NULL,
            elapsed_seconds REAL NOT NULL,
            file_id TEXT NOT NULL,
            pick_code TEXT NOT NULL,
            error_message TEXT
        )""",
        "CREATE INDEX history_by_time ON history (finished_at, id)",
        "CREATE TABLE sampled_jobs (id INTEGER PRIMARY KEY, job_id TEXT NOT NULL UNIQUE)",
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            job INTEGER NOT NULL REFERENCES sampled_jobs (id),
            time REAL NOT NULL,
            uploaded_bytes INTEGER NOT NULL,
            speed_mbps REAL NOT NULL,
            phase TEXT NOT NULL
        )""",
        "CREATE INDEX samples_by_job ON samples (job)",
        "CREATE TABLE hashes (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, sha1 TEXT NOT NULL)",
        """CREATE TABLE leases (
            session_id TEXT PRIMARY KEY,
            holder TEXT NOT NULL,
            owner TEXT NOT NULL,
            locked INTEGER NOT NULL,
            pid INTEGER NOT NULL,
            host TEXT NOT NULL,
            started TEXT NOT NULL,
            since REAL NOT NULL
        ) WITHOUT ROWID""",
    ),
]


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version a database is at; 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that a newer release wrote, untouched.

    Raises:
        StoreError: Its version is above ours.
    """
    found, known = version_of(connection), len(MIGRATIONS)
    if found > known:
        raise StoreError(say("store.newer", path=path, found=found, known=known), hint=say("store.newer.hint"))


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to our version; runs inside one transaction, so it happens whole or not at all."""
    for version in range(version_of(connection), len(MIGRATIONS)):
        for statement in MIGRATIONS[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")


def missing_from(connection: sqlite3.Connection) -> tuple[str, str] | None:
    """The first table or column our schema has and this database lacks.

    A file can be sound SQLite and yet not ours; then it is treated as damaged rather than failing at some later call.

    Returns:
        Its table and, where only a column is missing, its column, else an empty string; None where all is there.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        migrate(ours)
        expected = _columns(ours)
    found = _columns(connection)
    for table in sorted(expected):
        if table not in found:
            return table, ""
        if lacking := sorted(expected[table] - found[table]):
            return table, lacking[0]
    return None


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Whether a database without our version number has tables all the same: somebody else's."""
    return version_of(connection) == 0 and bool(_columns(connection))


def _columns(connection: sqlite3.Connection) -> dict[str, set[str]]:
    query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(query):
        found.setdefault(table, set()).add(column)
    return found
