"""Rows that cannot be read: a wrong cell must cost its row, not every table that it stands in.

A disk, another program or a hand may have written something that no release of ours would.  Such a row is moved, as
JSON, to the table ``unreadable_rows`` and said once; all the others are read as ever.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .database import Database

T = TypeVar("T")

_Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class GuardedTable:
    """A table whose rows are read with care.

    Attributes:
        name: Of the table.
        key: The columns that name a row; every query that is guarded selects them first.
        before_delete: Called within the transaction that moves a row, while it is still there.
        after_delete: Called within it once the row is gone.
    """

    name: str
    key: tuple[str, ...] = ("id",)
    before_delete: Callable[[sqlite3.Connection, _Key], None] | None = None
    after_delete: Callable[[sqlite3.Connection, _Key], None] | None = None

    @property
    def where(self) -> str:
        """The condition that finds a row by its key."""
        return " AND ".join(f"{column} = ?" for column in self.key)


def decode_rows(
    database: Database, table: GuardedTable, rows: Sequence[tuple[Any, ...]], decode: Callable[[tuple[Any, ...]], T]
) -> list[T]:
    """Decode rows; those that cannot be are moved away and left out.

    Args:
        database: Where they are from.
        table: Which table.
        rows: Its key's columns first.
        decode: Takes a row without its key; raises ValueError where somebody else must have written it.

    Raises:
        StoreError: They could not be moved.
    """
    width = len(table.key)
    decoded: list[T] = []
    bad: list[_Key] = []
    for row in rows:
        try:
            decoded.append(decode(row[width:]))
        except ValueError:
            bad.append(row[:width])
    if bad:
        set_aside(database, table, bad)
    return decoded


def set_aside(database: Database, table: GuardedTable, keys: Sequence[_Key]) -> None:
    """Move rows to ``unreadable_rows`` and tell the user."""

    def move(connection: sqlite3.Connection) -> int:
        return sum(_move(connection, table, key) for key in keys)

    if moved := database.write(move):
        values = {"count": str(moved), "table": table.name, "path": str(database.path)}
        database.notify("store.rows_set_aside", lambda _: values)


def _move(connection: sqlite3.Connection, table: GuardedTable, key: _Key) -> bool:
    cursor = connection.execute(f"SELECT * FROM {table.name} WHERE {table.where}", key)
    row = cursor.fetchone()
    if row is None:  # another process has moved it
        return False
    content = json.dumps(dict(zip((name for name, *_ in cursor.description), row, strict=True)), default=repr)
    connection.execute(
        "INSERT INTO unreadable_rows (origin, content, set_aside_at) VALUES (?, ?, ?)",
        (table.name, content, time.time()),
    )
    if table.before_delete is not None:
        table.before_delete(connection, key)
    connection.execute(f"DELETE FROM {table.name} WHERE {table.where}", key)
    if table.after_delete is not None:
        table.after_delete(connection, key)
    return True
