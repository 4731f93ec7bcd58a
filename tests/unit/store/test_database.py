"""The database file: journal, modes, versions, threads, full and read-only disks, exit and fork."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pan115kit.errors import ConfigError, StoreError
from pan115kit.models import FileIdentity, Part, UploadSession
from pan115kit.store import Store, database, open_store, opening, schema
from pan115kit.store.database import Database


def a_session(session_id: str = "one") -> UploadSession:
    return UploadSession(session_id, "/a/b.bin", "b.bin", 1000, part_size=10, total_parts=100, upload_id="UP")


def store_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == database.THREAD_NAME]


def run_script(script: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=check)


# -- settings of the file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_acknowledged_records_are_on_the_disk(tmp_path: Path, mode: str) -> None:
    """synchronous=FULL in the journal mode that is really in force, else a power cut loses acknowledged parts."""
    with Store(tmp_path, journal_mode=mode) as store:
        assert store.journal_mode == mode
        assert store.database.read(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == (mode,)
        assert store.database.read(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert store.database.read(lambda c: c.execute("PRAGMA foreign_keys").fetchone()) == (1,)
        assert store.database.read(lambda c: c.execute("PRAGMA busy_timeout").fetchone()) == (5000,)


def test_the_journal_mode_can_be_forced_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAN115_JOURNAL_MODE", "DELETE")
    with Store(tmp_path) as store:
        assert store.journal_mode == "delete"
    monkeypatch.setenv("PAN115_JOURNAL_MODE", "off")
    with pytest.raises(ConfigError, match="off"):
        Store(tmp_path)


def test_a_file_system_without_shared_memory_gets_the_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network home the store must work, not fail on WAL; the mode SQLite returned decides."""
    real = opening._set_journal
    monkeypatch.setattr(opening, "_set_journal", lambda c, mode: "delete" if mode == "wal" else real(c, mode))
    with Store(tmp_path / "answers-delete") as store:
        assert store.journal_mode == "delete"

    def unsupported(connection: sqlite3.Connection, mode: str) -> str:
        if mode == "wal":
            raise sqlite3.OperationalError("disk I/O error")
        return real(connection, mode)

    monkeypatch.setattr(opening, "_set_journal", unsupported)
    with Store(tmp_path / "raises") as store:
        assert store.journal_mode == "delete"
        store.sessions.save(a_session())


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's mount table")
def test_a_network_file_system_is_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {tmp_path} rw shared:1 - nfs4 server:/home rw\n"
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, *a, **k: table if str(self) == "/proc/self/mountinfo" else read_text(self)
    )
    assert opening.default_journal(tmp_path / "state") == "delete"
    assert opening.default_journal(Path("/elsewhere")) == "wal"
    with Store(tmp_path / "state") as store:
        assert store.journal_mode == "delete"


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_nobody_else_can_read_what_we_made(tmp_path: Path, mode: str) -> None:
    """The database tells file names and the account's folders."""
    mask = os.umask(0)
    try:
        with Store(tmp_path / "a" / "state", journal_mode=mode) as store:
            store.leases.acquire("one", "job")
            for path in store.directory.rglob("*"):
                wanted = 0o700 if path.is_dir() else 0o600
                assert stat.S_IMODE(path.stat().st_mode) == wanted, path
            assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    finally:
        os.umask(mask)


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with Store(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


# -- versions ----------------------------------------------------------------------------------------------------


def test_a_newer_database_is_refused_untouched_and_says_upgrade(tmp_path: Path) -> None:
    """Else an older kit would damage or set aside what a newer one wrote."""
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
        store.database.write(lambda c: c.execute("UPDATE schema_version SET version = version + 1"))
    before = (tmp_path / database.FILE_NAME).read_bytes()
    with pytest.raises(StoreError, match="newer pan115kit") as caught:
        Store(tmp_path)
    assert "upgrade" in caught.value.hint
    assert (tmp_path / database.FILE_NAME).read_bytes() == before
    assert list(tmp_path.glob("*damaged*")) == []
    assert store_threads() == []


def test_an_older_database_is_brought_up_with_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
    step = ("ALTER TABLE sessions ADD COLUMN priority INTEGER NOT NULL DEFAULT 7", "CREATE TABLE extra (x)")
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, step])
    with Store(tmp_path) as store:
        assert store.database.read(lambda c: c.execute("SELECT priority FROM sessions").fetchall()) == [(7,)]
        assert store.database.read(schema.version_of) == 2
        assert store.notices == []


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a migration would leave a database that neither release can read."""
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
    released = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", [*released, ("CREATE TABLE extra (x)", "nonsense")])
    with pytest.raises(StoreError):
        Store(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", released)
    with Store(tmp_path) as store:
        assert [s.session_id for s in store.sessions.list()] == ["one"]
        assert (
            store.database.read(lambda c: c.execute("SELECT name FROM sqlite_master WHERE name='extra'").fetchall())
            == []
        )


# -- a disk that says no -------------------------------------------------------------------------------------------


def test_a_file_in_the_directorys_place_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("mine")
    for directory in (tmp_path / "state", tmp_path / "state" / "below"):
        with pytest.raises(StoreError, match="not a directory") as caught:
            Store(directory)
        assert "PAN115_STATE_DIR" in caught.value.hint
    assert (tmp_path / "state").read_text() == "mine"
    assert store_threads() == []


READ_ONLY = """
import os, sys
from pan115kit.errors import StoreError
from pan115kit.store import Store
str(StoreError("", hint="read the texts"))  # while we still may: nobody cannot read root's Python
if os.geteuid() == 0:                # root may write anywhere: become nobody
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for directory in sys.argv[1:]:
    try:
        Store(directory)
        print("opened")
    except StoreError as error:
        print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_a_read_only_directory_is_explained(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("read-only")
    for parent in (base, base.parent, base.parent.parent):
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(0o755)
    empty, used = base / "empty", base / "used"
    empty.mkdir()
    with Store(used):
        pass
    for path in (used, empty):
        path.chmod(0o555)
    try:
        said = run_script(READ_ONLY, empty, used, base / "empty" / "missing").stdout.splitlines()
    finally:
        for path in (used, empty):
            path.chmod(0o755)
    assert len(said) == 3
    for line in said:
        assert "may not be written" in line
        assert "PAN115_STATE_DIR" in line


def test_a_full_disk_is_explained_and_costs_no_earlier_record(tmp_path: Path) -> None:
    """The limit makes SQLite itself report SQLITE_FULL, as a full disk does."""
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
        pages = store.database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        store.database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall())
        written = 0

        def fill() -> None:
            nonlocal written
            while written < 10_000:
                store.sessions.add_part("one", Part(written + 1, 10, "E" * 32))
                written += 1

        with pytest.raises(StoreError, match="full") as caught:
            fill()
        assert "free some space" in caught.value.hint
        assert [p.number for p in store.sessions.parts("one")] == list(range(1, written + 1))
        assert store.sessions.get("one").uploaded_bytes == written * 10
        store.database.read(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall())
        store.sessions.add_part("one", Part(written + 1, 10, "E" * 32))
    with Store(tmp_path) as store:
        assert len(store.sessions.parts("one")) == written + 1


LIMITED = """
import resource, signal, sys
from pan115kit.errors import StoreError
from pan115kit.models import Part, UploadSession
from pan115kit.store import Store
store = Store(sys.argv[1], journal_mode=sys.argv[2])
store.sessions.save(UploadSession("one", "/a", "a", 1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
number = 0
try:
    while number < 100_000:
        store.sessions.add_part("one", Part(number + 1, 1, "E" * 3000))      # a page each
        number += 1
except StoreError as error:
    print(number, error, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_FSIZE as on Linux")
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_write_the_system_refuses_loses_nothing_acknowledged(tmp_path: Path, mode: str) -> None:
    """Here the system's write itself fails in the middle of a commit."""
    said = run_script(LIMITED, tmp_path, mode).stdout
    acknowledged, message = said.split(" ", 1)
    assert "PAN115_STATE_DIR" in message
    assert int(acknowledged) > 0
    with Store(tmp_path) as store:
        assert store.notices == []
        found = [p.number for p in store.sessions.parts("one")]
        assert found[: int(acknowledged)] == list(range(1, int(acknowledged) + 1))


# -- others who hold the file ------------------------------------------------------------------------------------


def test_a_locked_database_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process's long commit must not fail an upload."""
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.0)  # SQLite reports at once, so that our own patience is tried
    with Store(tmp_path) as store:
        other = sqlite3.connect(store.database.path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        tries: list[int] = []
        real = database.time.sleep

        def sleep(seconds: float) -> None:
            tries.append(1)
            if len(tries) == 3:
                other.execute("COMMIT")
            real(0)

        monkeypatch.setattr(database.time, "sleep", sleep)
        store.sessions.save(a_session())
        assert len(tries) == 3
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(database, "LOCK_PATIENCE", 0.0)
        with pytest.raises(StoreError, match="locked by another program") as caught:
            store.sessions.discard("one")
        assert caught.value.retryable
        other.execute("ROLLBACK")
        other.close()
        assert store.sessions.discard("one")


def test_what_fails_inside_a_write_is_rolled_back(tmp_path: Path) -> None:
    with Store(tmp_path) as store:

        def half(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO hashes (identity, sha1) VALUES ('1:1:1:1:1', 'A')")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.database.write(half)
        assert store.hashes.get(FileIdentity(1, 1, 1, 1, 1)) is None
        store.sessions.save(a_session())


# -- threads and loops -------------------------------------------------------------------------------------------


def test_many_threads_may_write_at_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: store.sessions.add_part("one", Part(n, 10, "E")), range(1, 201)))
            loaded = list(pool.map(lambda _: store.sessions.get("one"), range(20)))
        assert loaded[0].uploaded_parts == tuple(range(1, 201))
        assert loaded[0].uploaded_bytes == 2000
        assert store_threads() == [database.THREAD_NAME]
    assert store_threads() == []


def test_the_event_loop_is_not_blocked_by_a_slow_disk(tmp_path: Path) -> None:
    """call() waits without holding the loop up: here the write can only end because the loop goes on."""

    async def main(store: Store) -> str:
        gate = threading.Event()
        slow = asyncio.ensure_future(store.call(gate.wait, 60))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(gate.set)
        assert await slow
        return await store.call(lambda: threading.current_thread().name)

    with Store(tmp_path) as store:
        assert asyncio.run(main(store)) == database.THREAD_NAME


def test_cancelling_who_waits_never_tears_a_write(tmp_path: Path) -> None:
    """A cancelled upload must still find the part it just acknowledged."""

    async def main(store: Store) -> None:
        started, gate = threading.Event(), threading.Event()

        def slow_write() -> None:
            started.set()
            assert gate.wait(60)
            store.sessions.add_part("one", Part(1, 10, "E"))

        running = asyncio.ensure_future(store.call(slow_write))
        waiting = asyncio.ensure_future(store.call(store.sessions.add_part, "one", Part(2, 10, "E")))
        assert await asyncio.to_thread(started.wait, 60)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        assert running.cancelled()
        assert waiting.cancelled()
        gate.set()

    with Store(tmp_path) as store:
        store.sessions.save(a_session())
        asyncio.run(main(store))
        assert store.sessions.get("one").uploaded_parts == (1, 2)


def test_a_loop_that_is_closed_meanwhile_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    with Store(tmp_path) as store:
        loop = asyncio.new_event_loop()
        waiting = loop.create_task(store.call(gate.wait, 60))
        loop.run_until_complete(asyncio.sleep(0))
        waiting.cancel()
        loop.run_until_complete(asyncio.wait([waiting]))
        loop.close()
        gate.set()
        store.sessions.save(a_session())
        assert caplog.records == []


def test_errors_reach_who_waits(tmp_path: Path) -> None:
    async def main(store: Store) -> None:
        with pytest.raises(StoreError, match="not in the store"):
            await store.call(store.sessions.add_part, "unknown", Part(1, 1, "E"))

    with Store(tmp_path) as store:
        asyncio.run(main(store))


def test_a_store_method_may_use_another_on_the_stores_thread(tmp_path: Path) -> None:
    async def main(store: Store) -> int:
        def both() -> int:
            store.sessions.save(a_session())
            return len(store.sessions.list())

        return await store.call(both)

    with Store(tmp_path) as store:
        assert asyncio.run(main(store)) == 1


# -- sharing and closing -----------------------------------------------------------------------------------------


def test_one_store_per_process_and_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clients in one notebook share one thread and one file; the last one closes it."""
    monkeypatch.setenv("PAN115_STATE_DIR", str(tmp_path / "state"))
    first, second = open_store(), open_store(tmp_path / "x" / ".." / "state")
    other = open_store(tmp_path / "other")
    assert first is second
    assert first is not other
    first.close()
    second.sessions.save(a_session())
    second.close()
    other.close()
    assert store_threads() == []
    with pytest.raises(StoreError, match="closed"):
        second.sessions.list()
    second.close()
    with open_store() as again:
        assert again is not first
        assert [s.session_id for s in again.sessions.list()] == ["one"]


def test_a_closed_store_refuses_instead_of_hanging(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.sessions.save(a_session())
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.call(store.sessions.list))


def test_closing_from_the_stores_own_thread_does_not_hang(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asyncio.run(store.call(store.close))
    for thread in threading.enumerate():
        if thread.name == database.THREAD_NAME:
            thread.join(60)
    assert store_threads() == []


AT_EXIT = """
import atexit, sys
def last_words():
    store.sessions.update("one", error_message="written at exit")
    store.sessions.add_part("one", Part(1, 10, "E"))
    late = Store(sys.argv[2])
    late.sessions.save(UploadSession("late", "/a", "a", 1))
    print("wrote", flush=True)
if sys.argv[3] == "before":
    atexit.register(last_words)      # runs after the store's own exit handler
from pan115kit.models import Part, UploadSession
from pan115kit.store import Store
if sys.argv[3] == "after":
    atexit.register(last_words)
store = Store(sys.argv[1])
store.sessions.save(UploadSession("one", "/a", "a", 10))
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_the_last_state_can_be_written_while_the_interpreter_exits(tmp_path: Path, order: str) -> None:
    """A kernel restart must leave the session as it was; executors and threads fail at that moment."""
    done = run_script(AT_EXIT, tmp_path / "a", tmp_path / "b", order)
    assert (done.stdout, done.stderr) == ("wrote\n", "")
    with Store(tmp_path / "a") as store:
        session = store.sessions.get("one")
        assert (session.error_message, session.uploaded_parts) == ("written at exit", (1,))
    with Store(tmp_path / "b") as store:
        assert store.sessions.get("late") is not None


FORK = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)      # "this process is multi-threaded": that is the point
from pan115kit.models import Part, UploadSession
from pan115kit.store import Store, open_store
directory = sys.argv[1]
store = open_store(directory)
store.sessions.save(UploadSession("one", "/a", "a", 10, upload_id="U"))
assert store.leases.acquire("one", "job")
stop = threading.Event()
written = []
def write():                          # so that forks happen between, before and after commits
    while not stop.is_set() and len(written) < 10_000:     # more parts than that no upload has
        number = len(written) + 1
        store.sessions.add_part("one", Part(number, 1, "E"))
        written.append(number)
writer = threading.Thread(target=write)
writer.start()
children = []
for n in range(4):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            mine = open_store(directory)
            assert mine is not store
            mine.sessions.save(UploadSession(f"child{n}", "/a", "a", 10))
            store.sessions.add_part(f"child{n}", Part(1, 1, "E"))      # the inherited one works too
            assert not mine.leases.acquire("one", "job")               # the parent has it
            assert not store.leases.acquire("one", "job")
            assert mine.leases.owner("one").pid == os.getppid()
            mine.close()
            code = 0
        finally:
            os._exit(code)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
writer.join()
found = [part.number for part in store.sessions.parts("one")]
assert found == written, (len(found), len(written))
assert store.leases.owner("one").pid == os.getpid()
names = {s.session_id for s in store.sessions.list()}
assert names == {"one"} | {f"child{n}" for n in range(4)}, names
store.close()
print(codes, store.notices)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_forked_children_share_the_directory_but_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A script that uses multiprocessing must not corrupt the state or inherit its parent's leases."""
    monkeypatch.setenv("PAN115_JOURNAL_MODE", mode)
    done = run_script(FORK, tmp_path, check=False)
    assert (done.stdout, done.returncode) == (f"{[0] * 4} []\n", 0), done.stderr
    with Store(tmp_path) as store:
        assert store.notices == []


LATE_CHILD = """
import os, subprocess, sys
from pan115kit.models import UploadSession
from pan115kit.store import Store
directory = sys.argv[1]
def save(store, name):
    store.sessions.save(UploadSession(name, "/a", "a", 1))
store = Store(directory)
save(store, "parent")
to_child, from_child = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    mine = Store(directory)
    save(mine, "child, before")
    os.write(from_child[1], b".")
    os.read(to_child[0], 1)
    save(mine, "child, after")
    os._exit(0)                       # as if killed: nothing is tidied up
os.read(from_child[0], 1)
store.close()
stranger = '''
import sys
from pan115kit.models import UploadSession
from pan115kit.store import Store
with Store(sys.argv[1]) as store:
    store.sessions.save(UploadSession("stranger", "/a", "a", 1))
'''
subprocess.run([sys.executable, "-c", stranger, directory], check=True)
os.write(to_child[1], b".")
os.waitpid(child, 0)
store = Store(directory)
print(sorted(s.session_id for s in store.sessions.list()), store.notices)
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_outlives_its_parents_store_loses_nothing(tmp_path: Path) -> None:
    """Were a connection open across the fork, SQLite in the child would believe in locks that only its parent had:
    a third process would think itself the last one and delete the log the child writes into."""
    done = run_script(LATE_CHILD, tmp_path, check=False)
    assert done.stdout == "['child, after', 'child, before', 'parent', 'stranger'] []\n", done.stderr


ORPHAN = """
import os, sys
from pan115kit.store import Store
store = Store(sys.argv[1])
assert store.leases.acquire("one", "job")
if os.fork() == 0:
    print("forked", flush=True)       # the child says so: it has let go of what it inherited
    sys.stdin.read()                  # lives on without touching the store
    os._exit(0)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_keep_its_dead_parents_lease_alive(tmp_path: Path) -> None:
    """Else an upload whose process was killed could not be resumed until its last worker ended."""
    with (
        Store(tmp_path) as store,
        subprocess.Popen(
            [sys.executable, "-c", ORPHAN, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as parent,
    ):
        assert parent.stdout.readline() == b"forked\n"
        assert parent.wait(60) == -9
        assert store.leases.acquire("one", "mine")
        parent.stdin.close()


def test_every_commit_goes_through_one_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash tests kill the process there; a commit that went another way would never be tested."""
    inside: list[int] = []
    outside: list[str] = []
    real_write, real_connect = Database.write, opening.connect

    def write(self: Database, function: object) -> object:
        inside.append(1)
        return real_write(self, function)

    def connect(path: Path) -> sqlite3.Connection:
        connection = real_connect(path)
        connection.set_trace_callback(
            lambda statement: outside.append(statement) if statement.upper().startswith("COMMIT") else None
        )
        return connection

    monkeypatch.setattr(Database, "write", write)
    monkeypatch.setattr(opening, "connect", connect)
    with Store(tmp_path) as store:
        store.sessions.save(a_session())
        store.sessions.set_parts("one", [Part(1, 1, "E")])
        store.hashes.put(FileIdentity(1, 1, 1, 1, 1), "A")
        store.leases.acquire("one", "job")
        store.sessions.list()
        store.leases.owner("one")
    assert len(outside) == len(inside) >= 7
