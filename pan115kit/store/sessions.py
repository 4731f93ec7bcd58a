"""Resumable uploads on disk: the session, the parts OSS has acknowledged, the multipart uploads still to abort."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import ConfigError, SessionBusyError, StoreError
from ..i18n import brief, say
from ..models import Part, UploadSession, UploadStatus
from .codec import crc_from_sql, crc_to_sql, from_sql, to_sql
from .database import Database
from .leases import LeaseOwner, LeaseStore
from .rows import COLUMNS, COUNTED, SELECT, SELECT_SHOWN, UPSERT, by_column, decode, encode
from .unreadable import GuardedTable, decode_rows

SECONDS_PER_DAY = 86_400
_LAST_FIRST = "ORDER BY s.updated_at DESC, s.id DESC"


def session_id_for(file_path: str | os.PathLike[str], target_path: str, file_name: str = "") -> str:
    """The session of a file and a target folder: the same in every process, on every start.

    Args:
        file_path: The local file; a relative one is taken from the current directory.
        target_path: The folder on the drive; ``影视`` and ``/影视/`` are the same.
        file_name: The name on the drive, where it is not the file's own.

    Returns:
        32 hex digits.
    """
    local = os.path.normcase(os.path.abspath(os.fspath(file_path)))
    target = [name for name in target_path.split("/") if name]
    key: list[object] = [local, target, file_name] if file_name else [local, target]
    return hashlib.sha256(json.dumps(key).encode("ascii")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class PendingAbort:
    """A multipart upload whose parts still lie at OSS because its abort has not succeeded yet.

    Attributes:
        upload_id: OSS's id of the multipart upload.
        bucket: Its bucket.
        object_key: Its object.
        created_at: Since when, in seconds since the epoch; 0 becomes the time of storing.
    """

    upload_id: str
    bucket: str
    object_key: str
    created_at: float = 0.0


class SessionStore:
    """Upload sessions and their parts.  Every method may be called from any thread."""

    def __init__(self, database: Database, leases: LeaseStore, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._leases = leases
        self._clock = clock
        self._table = GuardedTable("sessions", before_delete=self._abort_unreadable)

    def save(self, session: UploadSession) -> None:
        """Store a session, new or changed.

        Times of 0 become now.  Parts are not taken from ``uploaded_parts`` (they have their own methods), but
        those of an earlier ``upload_id`` are dropped: OSS does not know them any more.

        Args:
            session: What to store.

        Raises:
            StoreError: It could not be stored; nothing was changed.
        """
        now = self._clock()
        values = {f.name: getattr(session, f.name) for f in fields(session) if f.name not in COUNTED}
        values["created_at"] = session.created_at or now
        values["updated_at"] = session.updated_at or now
        row = encode(values)

        def put(connection: sqlite3.Connection) -> None:
            _drop_parts_of_other_upload(connection, session.session_id, session.upload_id)
            connection.execute(UPSERT, [row[column] for column in COLUMNS])

        self._database.write(put)

    def get(self, session_id: str) -> UploadSession | None:
        """One session, or None."""

        query = f"{SELECT} WHERE s.session_id = ?"
        rows = self._database.read(lambda c: c.execute(query, (to_sql(session_id),)).fetchall())
        return next(iter(decode_rows(self._database, self._table, rows, decode)), None)

    def list(self) -> list[UploadSession]:
        """All sessions, the one touched last first."""
        query = f"{SELECT} {_LAST_FIRST}"
        rows = self._database.read(lambda c: c.execute(query).fetchall())
        return decode_rows(self._database, self._table, rows, decode)

    def columns(self) -> dict[str, Sequence[Any]]:
        """All sessions as :meth:`list` orders them, but column by column and without what only a resume needs.

        Returns:
            The fields of :class:`~pan115kit.models.UploadSession` that people look at; ``status`` is a text, and
            ``uploaded_parts`` is how many there are.
        """
        query = f"{SELECT_SHOWN} {_LAST_FIRST}"
        rows = self._database.read(lambda c: c.execute(query).fetchall())
        try:
            return by_column(rows)
        except ValueError:  # a row that cannot be read: listing them moves it away
            self.list()
            return by_column(self._database.read(lambda c: c.execute(query).fetchall()))

    def update(self, session_id: str, **changes: Any) -> None:
        """Change some fields of a session and its ``updated_at``.

        Args:
            session_id: Which.
            **changes: Fields of :class:`~pan115kit.models.UploadSession`.  A new ``upload_id`` drops the parts of
                the old one.

        Raises:
            TypeError: There is no such field, or it is one that is counted from the parts.
            StoreError: There is no such session (any more).
        """
        unknown = set(changes) - {f.name for f in fields(UploadSession)} | set(changes) & {"session_id", *COUNTED}
        if unknown:
            raise TypeError(f"a session's {', '.join(sorted(unknown))} cannot be updated")

        def change(connection: sqlite3.Connection) -> None:
            if "upload_id" in changes:
                _drop_parts_of_other_upload(connection, session_id, changes["upload_id"])
            if not self._change(connection, session_id, changes):
                raise _gone(session_id)

        self._database.write(change)

    def mark(self, session_id: str, status: UploadStatus, error_message: str | None = None) -> bool:
        """Say why a session stands still; the row of one that somebody is working on is theirs.

        Returns:
            Whether it stands still: there is such a session, and nobody alive has it.
        """

        def change(connection: sqlite3.Connection) -> bool:
            if self._leases.living_owner(connection, session_id) is not None:
                return False
            return self._change(connection, session_id, {"status": status, "error_message": error_message})

        return self._database.write(change)

    def add_part(self, session_id: str, part: Part) -> None:
        """Store OSS's acknowledgement of one part; a part of the same number is replaced.

        Raises:
            StoreError: There is no such session (any more), or it could not be stored.
        """

        def add(connection: sqlite3.Connection) -> None:
            _add_part(connection, self._touch(connection, session_id), part)

        self._database.write(add)

    def set_parts(self, session_id: str, parts: Iterable[Part]) -> None:
        """Replace all parts of a session by what ListParts said (protocol.md §5).

        Raises:
            StoreError: There is no such session (any more), or it could not be stored.
        """
        wanted = [*parts]

        def replace(connection: sqlite3.Connection) -> None:
            row_id = self._touch(connection, session_id)
            _clear_parts(connection, row_id)
            for part in wanted:
                _add_part(connection, row_id, part)

        self._database.write(replace)

    def parts(self, session_id: str) -> builtins.list[Part]:
        """The parts OSS has acknowledged, by number."""
        query = (
            "SELECT p.session, p.number, p.number, p.size, p.etag, p.crc64 FROM parts p "
            "JOIN sessions s ON p.session = s.id WHERE s.session_id = ? ORDER BY p.number"
        )
        rows = self._database.read(lambda c: c.execute(query, (to_sql(session_id),)).fetchall())
        return decode_rows(self._database, _PARTS, rows, _decode_part)

    def discard(self, session_id: str) -> bool:
        """Forget a session somebody no longer wants; its multipart upload becomes a pending abort with it.

        Returns:
            Whether there was one.

        Raises:
            SessionBusyError: A living process is uploading it; cancel the upload instead.
        """

        def drop(connection: sqlite3.Connection) -> bool:
            if owner := self._leases.living_owner(connection, session_id):
                raise busy(session_id, owner)
            return self._drop(connection, session_id)

        return self._database.write(drop)

    def discard_expired(self, days: float) -> int:
        """:meth:`discard` every session untouched for more than ``days`` days, but none that is being uploaded.

        Returns:
            How many were removed.

        Raises:
            ConfigError: ``days`` is negative.
        """
        limit = self._limit(days)

        def drop(connection: sqlite3.Connection) -> int:
            query = "SELECT session_id FROM sessions WHERE updated_at < ? AND typeof(session_id) IN ('text', 'blob')"
            rows = connection.execute(query, (limit,)).fetchall()
            names = [from_sql(row[0]) for row in rows]
            idle = [name for name in names if self._leases.living_owner(connection, name) is None]
            return sum(self._drop(connection, name) for name in idle)

        return self._database.write(drop)

    def remember_abort(self, abort: PendingAbort) -> None:
        """Remember that a multipart upload must still be aborted at OSS."""
        self._database.write(lambda connection: self._remember_abort(connection, abort))

    def pending_aborts(self) -> builtins.list[PendingAbort]:
        """The multipart uploads still to abort, the oldest first."""
        query = (
            "SELECT upload_id, upload_id, bucket, object_key, created_at FROM pending_aborts "
            "ORDER BY created_at, upload_id"
        )
        rows = self._database.read(lambda c: c.execute(query).fetchall())
        return decode_rows(self._database, _ABORTS, rows, _decode_abort)

    def forget_abort(self, upload_id: str) -> None:
        """The multipart upload is aborted (204), or OSS knows it no more (404)."""
        statement = "DELETE FROM pending_aborts WHERE upload_id = ?"
        self._database.write(lambda c: c.execute(statement, (to_sql(upload_id),)))

    def _limit(self, days: float) -> float:
        if not isinstance(days, int | float) or not days >= 0:
            raise ConfigError(say("argument.days", value=brief(days)))
        return self._clock() - days * SECONDS_PER_DAY

    def _change(self, connection: sqlite3.Connection, session_id: str, changes: dict[str, Any]) -> bool:
        row = encode({"updated_at": self._clock(), **changes})
        statement = f"UPDATE sessions SET {', '.join(f'{c} = ?' for c in row)} WHERE session_id = ?"
        return connection.execute(statement, [*row.values(), to_sql(session_id)]).rowcount > 0

    def _touch(self, connection: sqlite3.Connection, session_id: str) -> int:
        row = connection.execute(
            "UPDATE sessions SET updated_at = ? WHERE session_id = ? RETURNING id",
            (self._clock(), to_sql(session_id)),
        ).fetchone()
        if row is None:
            raise _gone(session_id)
        return int(row[0])

    def _drop(self, connection: sqlite3.Connection, session_id: str) -> bool:
        query = "SELECT upload_id, bucket, object_key FROM sessions WHERE session_id = ?"
        row = connection.execute(query, (to_sql(session_id),)).fetchone()
        if row is not None and row[0] and row[1] is not None:
            self._remember_abort(connection, PendingAbort(from_sql(row[0]), from_sql(row[1]), from_sql(row[2])))
        return delete_session(connection, session_id)

    def _abort_unreadable(self, connection: sqlite3.Connection, key: tuple[Any, ...]) -> None:
        """What OSS has of a session that cannot be read is given up with it, if its row still says what that is."""
        query = "SELECT upload_id, bucket, object_key FROM sessions WHERE id = ?"
        upload_id, bucket, object_key = connection.execute(query, key).fetchone()
        try:
            abort = PendingAbort(from_sql(upload_id), from_sql(bucket), from_sql(object_key))
        except ValueError:
            return
        if abort.upload_id:
            self._remember_abort(connection, abort)

    def _remember_abort(self, connection: sqlite3.Connection, abort: PendingAbort) -> None:
        connection.execute(
            "INSERT OR IGNORE INTO pending_aborts (upload_id, bucket, object_key, created_at) VALUES (?, ?, ?, ?)",
            _abort_row(abort, self._clock()),
        )


def _decode_part(row: tuple[Any, ...]) -> Part:
    number, size, etag, crc = row
    if not (isinstance(number, int) and isinstance(size, int)):
        raise ValueError(f"no part: {row!r}")
    return Part(number, size, from_sql(etag), crc_from_sql(crc))


def _decode_abort(row: tuple[Any, ...]) -> PendingAbort:
    upload_id, bucket, object_key, created_at = row
    if not isinstance(created_at, float):
        raise ValueError(f"no abort: {row!r}")
    return PendingAbort(from_sql(upload_id), from_sql(bucket), from_sql(object_key), created_at)


def _count_parts(connection: sqlite3.Connection, key: tuple[Any, ...]) -> None:
    """Bring a session's three figures in step with its parts again."""
    connection.execute(
        "UPDATE sessions SET (part_count, part_bytes, last_part) = (SELECT count(*), coalesce(sum(size), 0), "
        "coalesce(max(number), 0) FROM parts WHERE session = sessions.id) WHERE id = ?",
        key[:1],
    )


_PARTS = GuardedTable("parts", ("session", "number"), after_delete=_count_parts)
_ABORTS = GuardedTable("pending_aborts", ("upload_id",))


def busy(session_id: str, owner: LeaseOwner) -> SessionBusyError:
    """The error for a session that somebody else is working on."""
    return SessionBusyError(
        say("session.busy", session_id=session_id, pid=owner.pid, host=owner.host), hint=say("session.busy.hint")
    )


def _abort_row(abort: PendingAbort, now: float) -> tuple[Any, ...]:
    return to_sql(abort.upload_id), to_sql(abort.bucket), to_sql(abort.object_key), abort.created_at or now


def _gone(session_id: str) -> StoreError:
    return StoreError(say("session.gone", session_id=session_id), hint=say("session.gone.hint"))


def delete_session(connection: sqlite3.Connection, session_id: str) -> bool:
    return connection.execute("DELETE FROM sessions WHERE session_id = ?", (to_sql(session_id),)).rowcount > 0


def _drop_parts_of_other_upload(connection: sqlite3.Connection, session_id: str, upload_id: str) -> None:
    query = "SELECT id FROM sessions WHERE session_id = ? AND upload_id <> ?"
    for (row_id,) in connection.execute(query, (to_sql(session_id), to_sql(upload_id))).fetchall():
        _clear_parts(connection, row_id)


def _clear_parts(connection: sqlite3.Connection, row_id: int) -> None:
    connection.execute("DELETE FROM parts WHERE session = ?", (row_id,))
    connection.execute("UPDATE sessions SET part_count = 0, part_bytes = 0, last_part = 0 WHERE id = ?", (row_id,))


def _add_part(connection: sqlite3.Connection, row_id: int, part: Part) -> None:
    """Put one part in place and keep the session's three figures in step with it."""
    key = (row_id, part.number)
    before = connection.execute("SELECT size FROM parts WHERE session = ? AND number = ?", key).fetchone()
    connection.execute(
        "INSERT OR REPLACE INTO parts (session, number, size, etag, crc64) VALUES (?, ?, ?, ?, ?)",
        (*key, part.size, to_sql(part.etag), crc_to_sql(part.crc64)),
    )
    connection.execute(
        "UPDATE sessions SET part_count = part_count + ?, part_bytes = part_bytes + ?, last_part = max(last_part, ?) "
        "WHERE id = ?",
        (before is None, part.size - (before[0] if before else 0), part.number, row_id),
    )
