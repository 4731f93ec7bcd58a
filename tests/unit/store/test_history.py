"""History, progress curves and the hash cache."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pan115kit.errors import ConfigError
from pan115kit.models import (
    HISTORY_COLUMNS,
    Column,
    FileIdentity,
    HistoryEntry,
    Phase,
    Sample,
    UploadSession,
    UploadStatus,
)
from pan115kit.store import Store, hashes, history, schema
from pan115kit.store.codec import column_to_sql

T = TypeVar("T")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("round-trip")) as opened:
        yield opened


def an_entry(job_id: str, finished_at: float = 2.0, **fields: object) -> HistoryEntry:
    values = {
        "job_id": job_id, "file_path": "/a/b", "file_name": "b", "file_size": 1, "sha1": "A" * 40, "target_path": "/",
        "status": UploadStatus.SUCCESS, "quick_upload": False, "bytes_sent": 1, "resumed": True, "retries": 2,
        "started_at": 1.0, "finished_at": finished_at, "elapsed_seconds": 1.0, "file_id": "1", "pick_code": "p",
        "error_message": None,
    }  # fmt: skip
    return HistoryEntry(**(values | fields))


texts = st.text(st.characters(codec=None, categories=None), max_size=20)
sizes = st.integers(0, 2**63 - 1)
entries = st.builds(
    HistoryEntry, texts, texts, texts, sizes, texts, texts, st.sampled_from(UploadStatus), st.booleans(), sizes,
    st.booleans(), st.integers(0, 1000), st.floats(0, 4e9), st.floats(0, 4e9), st.floats(0, 1e9), texts, texts,
    st.none() | texts,
)  # fmt: skip


@settings(max_examples=200)
@given(entry=entries)
def test_a_history_entry_comes_back_as_it_was(shared: Store, entry: HistoryEntry) -> None:
    """Else history would tell something else than happened, or a file with an odd name could not finish."""
    shared.history.add(entry)
    found = shared.history.get(entry.job_id)
    assert found == entry
    assert (type(found.quick_upload), type(found.resumed)) == (bool, bool)


def test_history_is_newest_first_and_can_be_paged(store: Store) -> None:
    for job, when in (("a", 1.0), ("c", 3.0), ("b", 2.0), ("b2", 2.0)):
        store.history.add(an_entry(job, when))
    assert [e.job_id for e in store.history.list()] == ["c", "b2", "b", "a"]
    assert [e.job_id for e in store.history.list(limit=2, offset=1)] == ["b2", "b"]
    assert store.history.list(limit=0) == []
    for wrong in ({"limit": -3}, {"offset": -1}, {"offset": None}, {"limit": "ten"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            store.history.list(**wrong)
    assert store.history.count() == 4
    assert store.history.get("nobody") is None


def test_a_job_that_was_tried_again_has_one_entry(store: Store) -> None:
    store.history.add(an_entry("job", 1.0, status=UploadStatus.FAILED, error_message="no"))
    store.history.add(an_entry("job", 2.0))
    assert store.history.list() == [an_entry("job", 2.0)]


def test_a_curve_grows_while_the_job_runs_and_keeps_its_order(store: Store) -> None:
    """Else the speed plot of a resumed upload would begin anew or run backwards."""
    first = [Sample(1.0, 0, 0.0, Phase.HASHING), Sample(2.0, 50, 5.5, Phase.UPLOADING)]
    later = [Sample(1.5, 60, 1.0, Phase.UPLOADING)]  # a clock set back: the order is that of storing
    store.history.add_samples("job", first)
    store.history.add_samples("other", [Sample(9.0, 9, 9.0, Phase.UPLOADING)])
    store.history.add_samples("job", [])
    store.history.add_samples("job", later)
    assert store.history.samples("job") == first + later
    assert store.history.last_sample("job") == later[0]
    assert store.history.samples("nobody") == []
    assert store.history.last_sample("nobody") is None


def test_a_speed_that_is_no_number_does_not_fail_the_upload(store: Store) -> None:
    store.history.add_samples(
        "job", [Sample(1.0, 1, math.inf, Phase.UPLOADING), Sample(1, 1, math.nan, Phase.HASHING)]
    )
    assert [s.speed_mbps for s in store.history.samples("job")] == [0.0, 0.0]


def test_curves_do_not_grow_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_SAMPLES", 10)
    for n in range(8):
        store.history.add_samples(f"job{n % 2}", [Sample(n, n, 0.0, Phase.UPLOADING)] * 3)
    left = store.history.samples("job0") + store.history.samples("job1")
    assert len(left) == 10
    assert {s.time for s in left} == {4.0, 5.0, 6.0, 7.0}


def test_a_hash_is_known_only_for_the_very_same_file(store: Store) -> None:
    """Else a changed file would be uploaded under the sha1 of its old content."""
    identity = FileIdentity(2**64 - 1, 2**63, 3, 4, 5)
    store.hashes.put(identity, "A" * 40)
    assert store.hashes.get(identity) == "A" * 40
    values = (identity.device, identity.inode, identity.size, identity.mtime_ns, identity.ctime_ns)
    for position in range(5):
        changed = [*values]
        changed[position] -= 1
        assert store.hashes.get(FileIdentity(*changed)) is None
    store.hashes.put(identity, "B" * 40)
    assert store.hashes.get(identity) == "B" * 40
    store.hashes.forget(identity)  # 115 found other content: the file is read again
    assert store.hashes.get(identity) is None


def test_only_the_newest_hashes_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "MAX_HASHES", 5)
    for n in range(7):
        store.hashes.put(FileIdentity(1, n, 1, 1, 1), f"{n}" * 40)
    store.hashes.put(FileIdentity(1, 2, 1, 1, 1), "A" * 40)
    store.hashes.put(FileIdentity(1, 7, 1, 1, 1), "7" * 40)
    known = {n: sha1 for n in range(8) if (sha1 := store.hashes.get(FileIdentity(1, n, 1, 1, 1)))}
    assert known == {2: "A" * 40, 4: "4" * 40, 5: "5" * 40, 6: "6" * 40, 7: "7" * 40}


def test_a_column_that_came_later_is_added_to_a_history_that_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a new column would cost every user the history they have."""
    with Store(tmp_path) as store:
        store.history.add(an_entry("old"))
    added = [
        ("history", Column("host", str, is_added=True, default="it's here")),
        ("history", Column("worker", str, is_optional=True, is_added=True)),
    ]
    monkeypatch.setattr(schema, "_ADDED", added)
    with Store(tmp_path) as store:
        rows = store.database.read(lambda c: c.execute("SELECT job_id, host, worker FROM history").fetchall())
        assert rows == [("old", "it's here", None)]
        assert store.notices == []
        assert store.history.list() == [an_entry("old")]


@pytest.mark.parametrize(
    ("column", "sql"),
    [
        (Column("sha1", str), "sha1 TEXT NOT NULL"),
        (Column("status", UploadStatus), "status TEXT NOT NULL"),
        (Column("resumed", bool, is_added=True, default=True), "resumed INTEGER NOT NULL DEFAULT 1"),
        (Column("speed", float, is_added=True, default=0.5), "speed REAL NOT NULL DEFAULT 0.5"),
        (Column("started_at", datetime), "started_at REAL NOT NULL"),
        (Column("error_message", str, is_optional=True), "error_message TEXT"),
    ],
)
def test_a_column_is_declared_once_and_sqlite_gets_its_type(column: Column, sql: str) -> None:
    assert column_to_sql(column) == sql


def test_history_shows_the_columns_of_the_contract() -> None:
    """Notebooks name them; a renamed or moved one breaks their cells."""
    assert [column.name for column in HISTORY_COLUMNS] == [
        "job_id", "file_path", "file_name", "file_size", "sha1", "target_path", "status", "quick_upload",
        "bytes_sent", "resumed", "retries", "started_at", "finished_at", "elapsed_seconds", "mean_speed_mbps",
        "file_id", "pick_code", "error_message",
    ]  # fmt: skip
    assert list(an_entry("job").to_dict()) == [column.name for column in HISTORY_COLUMNS]


def test_an_end_takes_the_session_and_its_lease_in_one_step(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps another process took the session over, and failed with "it was deleted meanwhile"."""
    store.sessions.save(UploadSession("one", "/a/b", "b", 1))
    assert store.leases.acquire("one", "job")
    with Store(tmp_path) as other:
        commits = 0
        original = store.database.write

        def looking(function: Callable[[sqlite3.Connection], T]) -> T:
            nonlocal commits
            answer = original(function)
            commits += 1
            free = store.database.read(lambda c: c.execute("SELECT count(*) FROM leases").fetchone()) == (0,)
            assert free == (other.sessions.get("one") is None)
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(store.database, "write", looking)
            store.history.add(an_entry("job"), closes="one")
        assert commits == 1
        assert other.leases.acquire("one", "theirs")


def test_an_end_leaves_a_session_that_somebody_else_has_with_them(store: Store) -> None:
    """Their lease is theirs; only what this job held is given back."""
    assert store.leases.acquire("one", "theirs")
    store.history.add(an_entry("job"), closes="one")
    assert store.leases.owner("one").holder == "theirs"
