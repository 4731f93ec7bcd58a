"""Finished uploads and their progress curves."""

from __future__ import annotations

import builtins
import math
import sqlite3
from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError
from ..i18n import brief, say
from ..models import HISTORY_COLUMNS, HistoryEntry, Phase, Sample
from .codec import to_sql, value_from_sql, value_to_sql
from .database import Database
from .leases import LeaseStore
from .sessions import delete_session
from .unreadable import GuardedTable, decode_rows

#: Points of progress curves kept over all uploads (139 hours at 1 Hz, some 30 MB); the oldest go first.
MAX_SAMPLES = 500_000

_STORED = [column for column in HISTORY_COLUMNS if column.is_stored]
_TABLE, _SAMPLES = GuardedTable("history"), GuardedTable("samples")
_COLUMNS = ", ".join(column.name for column in _STORED)
_UPSERT = (
    f"INSERT INTO history ({_COLUMNS}) VALUES ({', '.join('?' * len(_STORED))}) "
    f"ON CONFLICT (job_id) DO UPDATE SET {', '.join(f'{c.name} = excluded.{c.name}' for c in _STORED[1:])}"
)


class HistoryStore:
    """What was uploaded, and how it went.  Every method may be called from any thread."""

    def __init__(self, database: Database, leases: LeaseStore) -> None:
        self._database = database
        self._leases = leases

    def add(self, entry: HistoryEntry, *, closes: str = "") -> None:
        """Store how an upload ended; an entry of the same job (an earlier try) is replaced.

        Args:
            entry: How it ended.
            closes: Its session, which has done its work: in the same transaction it is forgotten and given back by
                the job.  A crash leaves the one or the other, never neither, and nobody takes over a session that is
                about to go.

        Raises:
            StoreError: It could not be stored.
        """
        row = _encode(entry)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(_UPSERT, row)
            if closes:
                delete_session(connection, closes)
                self._leases.drop(connection, closes, entry.job_id)

        self._database.write(write)

    def list(self, limit: int | None = None, offset: int = 0) -> list[HistoryEntry]:
        """Finished uploads, the newest first.

        Args:
            limit: At most this many; None for all.
            offset: Leave out this many of the newest.

        Raises:
            ConfigError: One of them is negative or no number.
        """
        query = f"SELECT id, {_COLUMNS} FROM history ORDER BY finished_at DESC, id DESC LIMIT ? OFFSET ?"
        # SQLite: a negative limit is no limit
        window = (-1 if limit is None else _count("limit", limit), _count("offset", offset))
        rows = self._database.read(lambda c: c.execute(query, window).fetchall())
        return decode_rows(self._database, _TABLE, rows, _decode)

    def get(self, job_id: str) -> HistoryEntry | None:
        """How one job ended, or None."""
        query = f"SELECT id, {_COLUMNS} FROM history WHERE job_id = ?"
        rows = self._database.read(lambda c: c.execute(query, (to_sql(job_id),)).fetchall())
        return next(iter(decode_rows(self._database, _TABLE, rows, _decode)), None)

    def count(self) -> int:
        """How many entries there are."""
        return int(self._database.read(lambda c: c.execute("SELECT count(*) FROM history").fetchone()[0]))

    def add_samples(self, job_id: str, samples: Iterable[Sample]) -> None:
        """Append points to the progress curve of a job, running or finished.

        Args:
            job_id: The job; it need not be in the history yet.
            samples: In the order of time.  A speed that is not a number is stored as 0.

        Raises:
            StoreError: They could not be stored; none was.
        """
        rows = [
            (s.time, s.uploaded_bytes, s.speed_mbps if math.isfinite(s.speed_mbps) else 0.0, str(s.phase))
            for s in samples
        ]
        if rows:
            self._database.write(lambda connection: _append(connection, job_id, rows))

    def samples(self, job_id: str) -> builtins.list[Sample]:
        """The progress curve of a job in the order it was stored."""
        return self._samples(job_id, "ORDER BY s.id")

    def last_sample(self, job_id: str) -> Sample | None:
        """The last point of a job's curve, or None: how far a job of another process is."""
        found = self._samples(job_id, "ORDER BY s.id DESC LIMIT 1")
        return found[0] if found else None

    def _samples(self, job_id: str, order: str) -> builtins.list[Sample]:
        query = (
            "SELECT s.id, s.time, s.uploaded_bytes, s.speed_mbps, s.phase FROM samples s "
            f"WHERE s.job = (SELECT id FROM sampled_jobs WHERE job_id = ?) {order}"
        )
        rows = self._database.read(lambda c: c.execute(query, (to_sql(job_id),)).fetchall())
        return decode_rows(self._database, _SAMPLES, rows, _decode_sample)


def _append(connection: sqlite3.Connection, job_id: str, rows: Iterable[tuple[Any, ...]]) -> None:
    name = to_sql(job_id)
    connection.execute("INSERT OR IGNORE INTO sampled_jobs (job_id) VALUES (?)", (name,))
    job = connection.execute("SELECT id FROM sampled_jobs WHERE job_id = ?", (name,)).fetchone()[0]
    connection.executemany(
        "INSERT INTO samples (job, time, uploaded_bytes, speed_mbps, phase) VALUES (?, ?, ?, ?, ?)",
        [(job, *row) for row in rows],
    )
    connection.execute("DELETE FROM samples WHERE id <= (SELECT max(id) FROM samples) - ?", (MAX_SAMPLES,))


def _encode(entry: HistoryEntry) -> builtins.list[Any]:
    return [value_to_sql(getattr(entry, column.name)) for column in _STORED]


def _count(name: str, value: int) -> int:
    if not isinstance(value, int) or value < 0:
        raise ConfigError(say("argument.count", name=name, value=brief(value)))
    return value


def _decode_sample(row: tuple[Any, ...]) -> Sample:
    time, size, speed, phase = row
    if not (isinstance(time, float) and isinstance(size, int) and isinstance(speed, float)):
        raise ValueError(f"no sample: {row!r}")
    return Sample(time, size, speed, Phase(phase))


def _decode(row: tuple[Any, ...]) -> HistoryEntry:
    return HistoryEntry(*(value_from_sql(column, value) for column, value in zip(_STORED, row, strict=True)))
