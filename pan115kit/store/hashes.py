"""SHA-1 sums of files that have not changed since: a resumed or repeated upload need not read them again."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from ..models import FileIdentity
from .codec import identity_to_sql
from .database import Database

#: Sums kept; the oldest go first.
MAX_HASHES = 100_000


class HashStore:
    """SHA-1 by file identity (device, inode, size, mtime and ctime), so that any change makes it unknown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, identity: FileIdentity) -> str | None:
        """The SHA-1 of a file that is still what it was (upper-case hex), or None."""
        query = "SELECT sha1 FROM hashes WHERE identity = ?"
        row = self._database.read(lambda c: c.execute(query, (identity_to_sql(identity),)).fetchone())
        return row[0] if row is not None and _is_sha1(row[0]) else None

    def forget(self, identity: FileIdentity) -> None:
        """Drop what is known of a file: 115 found other content than this hash says, so it must be read again.

        Raises:
            StoreError: It could not be dropped.
        """
        statement = "DELETE FROM hashes WHERE identity = ?"
        self._database.write(lambda c: c.execute(statement, (identity_to_sql(identity),)))

    def get_many(self, identities: Sequence[FileIdentity]) -> list[str | None]:
        """:meth:`get` of each, in one go."""
        query = "SELECT sha1 FROM hashes WHERE identity = ?"

        def look(connection: sqlite3.Connection) -> list[str | None]:
            rows = (connection.execute(query, (identity_to_sql(one),)).fetchone() for one in identities)
            return [row[0] if row is not None and _is_sha1(row[0]) else None for row in rows]

        return self._database.read(look)

    def put(self, identity: FileIdentity, sha1: str) -> None:
        """Remember a file's SHA-1.

        Args:
            identity: The file as it was before *and* after hashing.
            sha1: Upper-case hex.

        Raises:
            StoreError: It could not be stored.
        """
        self.put_many([(identity, sha1)])

    def put_many(self, sums: Sequence[tuple[FileIdentity, str]]) -> None:
        """:meth:`put` of each, in one transaction.

        Raises:
            StoreError: They could not be stored.
        """
        rows = [(identity_to_sql(identity), sha1) for identity, sha1 in sums]

        def remember(connection: sqlite3.Connection) -> None:
            statement = "INSERT OR REPLACE INTO hashes (identity, sha1) VALUES (?, ?)"  # gets a new, highest id
            connection.executemany(statement, rows)
            connection.execute("DELETE FROM hashes WHERE id <= (SELECT max(id) FROM hashes) - ?", (MAX_HASHES,))

        self._database.write(remember)


def _is_sha1(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9A-F]{40}", value) is not None
