"""The tables, their version, and the way from an older version to this one.

No table has a place for a cookie, a token or an STS key, so none can be stored by mistake.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import StoreError
from ..i18n import say
from ..models import HISTORY_COLUMNS
from .codec import column_to_sql

_STORED = [column for column in HISTORY_COLUMNS if column.is_stored]
_HISTORY = ", ".join(column_to_sql(column) for column in _STORED if not column.is_added)
#: Columns that came after the first release: added to a database that lacks them, so they need no new version.
_ADDED = [("history", column) for column in _STORED if column.is_added]

#: MIGRATIONS[n] takes a database from version n to n + 1; its version is in the table ``schema_version``.
#: Never edit one that was released: append.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        "CREATE TABLE schema_version (version INTEGER NOT NULL)",
        "INSERT INTO schema_version (version) VALUES (0)",
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
        f"CREATE TABLE history (id INTEGER PRIMARY KEY, {_HISTORY}, UNIQUE (job_id))",
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
        """CREATE TABLE unreadable_rows (
            id INTEGER PRIMARY KEY,
            origin TEXT NOT NULL,
            content TEXT NOT NULL,
            set_aside_at REAL NOT NULL
        )""",
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
    """The schema version a database is at; 0 for a new file.

    Kept in a table: SQLite's own place for it is in the file's header, where one wrong byte would pass for a newer
    release.
    """
    if "schema_version" not in _columns(connection):
        return 0
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    return row[0] if row is not None and isinstance(row[0], int) else 0


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that a newer release wrote, untouched.

    Raises:
        StoreError: Its version is above ours.
    """
    found, known = version_of(connection), len(MIGRATIONS)
    if found > known:
        raise StoreError(say("store.newer", path=path, found=found, known=known), hint=say("store.newer.hint"))


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether there is nothing to :func:`migrate`."""
    found = _columns(connection)
    return version_of(connection) >= len(MIGRATIONS) and all(column.name in found[table] for table, column in _ADDED)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to our version; runs inside one transaction, so it happens whole or not at all."""
    for version in range(version_of(connection), len(MIGRATIONS)):
        for statement in MIGRATIONS[version]:
            connection.execute(statement)
        connection.execute("UPDATE schema_version SET version = ?", (version + 1,))
    found = _columns(connection)
    for table, column in _ADDED:
        if column.name not in found[table]:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column_to_sql(column)}")


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
