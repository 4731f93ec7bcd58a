"""Who works on a session: one holder, in one living process.

A lease is a row; whether its owner lives is asked of the operating system (:mod:`.owners`) at the moment somebody
else wants the session.  Taking over from a dead owner and refusing a living one happen in one transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import owners
from .codec import SqlText, from_sql, to_sql
from .database import Database

_Row = tuple[SqlText, str, int, int, SqlText, str, float]
_COLUMNS = "holder, owner, locked, pid, host, started, since"


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """Who holds a session.

    Attributes:
        pid: Process id on ``host``.
        host: Host name.
        holder: The name the holder gave itself (a job id).
        since: When, in seconds since the epoch.
    """

    pid: int
    host: str
    holder: str
    since: float


class LeaseStore:
    """Leases on sessions, shared by all processes of a state directory."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._life = owners.ProcessLock(database.directory)
        database.after_fork.append(self._life.forget)

    def acquire(self, session_id: str, holder: str) -> bool:
        """Take a session, unless somebody alive has it.

        Args:
            session_id: The session; it need not be saved yet.
            holder: A name unique within this process, e.g. the job id.

        Returns:
            Whether ``holder`` has it now.  A holder that has it already gets True again.

        Raises:
            StoreError: The state directory cannot be written.
        """

        def take(connection: sqlite3.Connection) -> bool:
            row = _row(connection, session_id)
            mine = self._life.mark()
            if row is not None:
                if row[1] == mine.owner:
                    return row[0] == to_sql(holder)
                if self._living(row) is not None:
                    return False
            connection.execute(
                f"INSERT OR REPLACE INTO leases (session_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [to_sql(session_id), *_lease_row(holder, mine, self._clock())],
            )
            return True

        return self._database.write(take)

    def release(self, session_id: str, holder: str) -> None:
        """Give a session back.  Without effect if ``holder`` of this process does not have it."""
        self._database.write(lambda connection: self.drop(connection, session_id, holder))

    def drop(self, connection: sqlite3.Connection, session_id: str, holder: str) -> None:
        """As :meth:`release`, within a transaction."""
        statement = "DELETE FROM leases WHERE session_id = ? AND holder = ? AND owner = ?"
        connection.execute(statement, (to_sql(session_id), to_sql(holder), self._life.owner))

    def owner(self, session_id: str) -> LeaseOwner | None:
        """The living holder of a session, or None."""
        return self._database.read(lambda connection: self.living_owner(connection, session_id))

    def owners(self) -> dict[str, LeaseOwner]:
        """The living holders of all sessions that have one, by session."""
        query = f"SELECT session_id, {_COLUMNS} FROM leases WHERE typeof(session_id) = 'text'"
        rows = self._database.read(lambda connection: connection.execute(query).fetchall())
        found = ((session_id, self._living(tuple(row))) for session_id, *row in rows)
        return {session_id: owner for session_id, owner in found if owner is not None}

    def living_owner(self, connection: sqlite3.Connection, session_id: str) -> LeaseOwner | None:
        """As :meth:`owner`, within a transaction."""
        row = _row(connection, session_id)
        return None if row is None else self._living(row)

    def clean(self) -> None:
        """Drop the leases and lock files that dead processes left; done when a store is opened."""

        def drop_dead(connection: sqlite3.Connection) -> None:
            for session_id, *row in connection.execute(f"SELECT session_id, {_COLUMNS} FROM leases").fetchall():
                if self._living(tuple(row)) is None:
                    connection.execute("DELETE FROM leases WHERE session_id = ?", (session_id,))
            # Within the transaction: who looks at a lock file to acquire must not take our look for a living owner.
            owners.clean(self._database.directory)

        self._database.write(drop_dead)

    def close(self) -> None:
        """Give everything back that this process holds here."""
        if self._life.owner is not None:
            mine = self._life.owner
            self._database.write(lambda c: c.execute("DELETE FROM leases WHERE owner = ?", (mine,)))
            self._life.end()

    def _living(self, row: _Row) -> LeaseOwner | None:
        """Whose lease it is, if they live; one that cannot be read was written by nobody of ours."""
        holder, owner, locked, pid, host, started, since = row
        if tuple(map(type, (owner, locked, pid, started, since))) != (str, int, int, str, float):
            return None
        try:
            found = LeaseOwner(pid, from_sql(host), from_sql(holder), since)
        except ValueError:
            return None
        if owner == self._life.owner:
            return found
        mark = owners.Mark(owner, bool(locked), pid, found.host, started)
        return found if owners.is_alive(self._database.directory, mark) else None


def _lease_row(holder: str, mark: owners.Mark, now: float) -> _Row:
    return to_sql(holder), mark.owner, int(mark.locked), mark.pid, to_sql(mark.host), mark.started, now


def _row(connection: sqlite3.Connection, session_id: str) -> _Row | None:
    query = f"SELECT {_COLUMNS} FROM leases WHERE session_id = ?"
    row: _Row | None = connection.execute(query, (to_sql(session_id),)).fetchone()
    return row
