"""One wrong cell costs its row; everything else goes on, and the user hears of it once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pan115kit.errors import StoreError
from pan115kit.models import (
    FileIdentity,
    HistoryEntry,
    Part,
    Phase,
    Sample,
    UploadSession,
    UploadStatus,
    UploadTicket,
)
from pan115kit.store import PendingAbort, Store

TICKET = UploadTicket("bucket", "key", "{}", "{}", "pick")
IDENTITY = FileIdentity(1, 2, 3, 4, 5)
ENTRY = HistoryEntry(
    "job", "/a/b", "b", 1, "A" * 40, "/", UploadStatus.SUCCESS, False, 1, True, 2, 1.0, 2.0, 1.0, "1", "p", None
)
#: Every column of each table that is read, but those that only name a row.
WRONG = (b"\xff\xfe\xfd", "garbage", -7, 2.5, 1e300)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        fill(opened)
        yield opened


def fill(store: Store) -> None:
    for name in ("one", "two"):
        session = UploadSession(
            name,
            "/a/b",
            "b",
            300,
            part_size=100,
            total_parts=3,
            upload_id=f"UP-{name}",
            ticket=TICKET,
            identity=IDENTITY,
        )
        store.sessions.save(session)
        store.sessions.set_parts(name, [Part(1, 100, "E", 7), Part(2, 100, "F", 8)])
        store.history.add(replace(ENTRY, job_id=name))
        store.history.add_samples(name, [Sample(1.0, 0, 0.0, Phase.HASHING), Sample(2.0, 5, 1.0, Phase.UPLOADING)])
        store.sessions.remember_abort(PendingAbort(f"AB-{name}", "bucket", "key", 1.0))
    store.hashes.put(IDENTITY, "A" * 40)


def columns(table: str) -> list[str]:
    connection = sqlite3.connect(":memory:")
    from pan115kit.store import schema

    schema.migrate(connection)
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


KEYS = {"id", "session", "job"}
CELLS = [
    (table, column)
    for table in ("sessions", "parts", "history", "samples", "pending_aborts", "hashes", "leases")
    for column in columns(table)
    if column not in KEYS
]


def read_everything(store: Store) -> None:
    """All that any command reads."""
    store.sessions.list()
    shown = store.sessions.columns()
    assert len({len(column) for column in shown.values()}) == 1
    for name in ("one", "two"):
        store.sessions.get(name)
        store.sessions.parts(name)
        store.history.get(name)
        store.history.samples(name)
        store.history.last_sample(name)
        store.leases.owner(name)
    store.sessions.pending_aborts()
    store.history.list()
    store.hashes.get(IDENTITY)
    store.leases.owners()
    store.sessions.discard_expired(1e9)


def wrong_cell(table: str, column: str, wrong: object, where: str, connection: sqlite3.Connection) -> None:
    connection.execute(f"UPDATE {table} SET {column} = ? {where}", (wrong,))


@pytest.mark.parametrize(("table", "column"), CELLS, ids=lambda value: value)
def test_a_wrong_cell_never_stops_the_rest(tmp_path: Path, table: str, column: str) -> None:
    """It was a traceback for ever in ``upload``, ``sessions`` and ``history``."""
    for number, wrong in enumerate(WRONG):
        directory = tmp_path / str(number)
        with Store(directory) as store:
            fill(store)
            assert store.leases.acquire("one", "job")
        with Store(directory) as store:
            assert store.leases.acquire("one", "job")
            where = "WHERE rowid = 1" if table in ("sessions", "history", "samples", "hashes") else ""
            with suppress(StoreError):  # SQLite itself refuses what would not be unique or refer to nothing
                store.database.write(partial(wrong_cell, table, column, wrong, where))
            read_everything(store)
            told = len(store.notices)
            read_everything(store)
            assert len(store.notices) == told
            if table == "sessions" and column not in ("session_id", "upload_id"):
                assert store.sessions.get("two") is not None
            if table == "history" and column != "job_id":
                assert store.history.get("two") is not None
            store.sessions.save(UploadSession("new", "/a", "a", 1))
            assert store.sessions.get("new") is not None


def set_cell(store: Store, table: str, column: str, value: object, where: str = "rowid = 1") -> None:
    store.database.write(lambda c: c.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,)))


def test_a_session_that_cannot_be_read_is_kept_aside_said_once_and_given_up_at_oss(store: Store) -> None:
    """Its parts would lie at OSS for ever, and the user would wonder where the row went."""
    set_cell(store, "sessions", "status", "melting")
    assert [s.session_id for s in store.sessions.list()] == ["two"]
    [notice] = store.notices
    assert "sessions" in notice
    assert "unreadable_rows" in notice
    origin, content = store.database.read(
        lambda c: c.execute("SELECT origin, content FROM unreadable_rows").fetchone()
    )
    assert origin == "sessions"
    assert (json.loads(content)["session_id"], json.loads(content)["status"]) == ("one", "melting")
    assert "UP-one" in {abort.upload_id for abort in store.sessions.pending_aborts()}
    assert store.sessions.list() == store.sessions.list()
    assert len(store.notices) == 1
    assert store.database.read(lambda c: c.execute("SELECT count(*) FROM parts").fetchone()) == (2,)


def test_a_table_of_sessions_leaves_the_unreadable_one_out(store: Store) -> None:
    """``client.sessions()`` is read column by column, another way than one session."""
    set_cell(store, "sessions", "created_at", "yesterday")
    assert list(store.sessions.columns()["session_id"]) == ["two"]
    assert len(store.notices) == 1


def test_a_part_that_cannot_be_read_is_not_counted(store: Store) -> None:
    """The resume asks OSS for it; the session's progress must not go on counting it."""
    set_cell(store, "parts", "crc64", "no crc", "session = 1 AND number = 2")
    assert store.sessions.parts("one") == [Part(1, 100, "E", 7)]
    found = store.sessions.get("one")
    assert (found.uploaded_parts, found.uploaded_bytes) == ((1,), 100)
    assert len(store.sessions.parts("two")) == 2


def test_history_and_curves_go_on_without_the_wrong_row(store: Store) -> None:
    set_cell(store, "history", "status", 3)
    set_cell(store, "samples", "phase", "sleeping")
    assert [entry.job_id for entry in store.history.list()] == ["two"]
    assert store.history.get("one") is None
    assert store.history.samples("one") == [Sample(2.0, 5, 1.0, Phase.UPLOADING)]
    assert len(store.notices) == 2


def test_a_hash_that_is_none_is_not_believed(store: Store) -> None:
    """115 would be asked for a content that is nobody's."""
    set_cell(store, "hashes", "sha1", "a" * 39)
    assert store.hashes.get(IDENTITY) is None
    store.hashes.put(IDENTITY, "B" * 40)
    assert store.hashes.get(IDENTITY) == "B" * 40
