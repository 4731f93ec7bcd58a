"""A damaged database is set aside and said aloud; nothing is deleted and the kit goes on."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pan115kit._base.file_locks import opening_lock
from pan115kit.models import Part, UploadSession
from pan115kit.store import Store, database, open_store, opening

NAME = database.FILE_NAME
ASIDE = re.compile(rf"{re.escape(NAME)}\.damaged-\d{{8}}-\d{{6}}(-\d+)?(-wal|-shm|-journal)?$")


def fill(directory: Path, mode: str = "wal") -> Path:
    """A database with some pages in it."""
    with Store(directory, journal_mode=mode) as store:
        for name in ("one", "two", "three"):
            store.sessions.save(UploadSession(name, "/a/b.bin", "b.bin", 1000, upload_id="UP"))
            store.sessions.set_parts(name, [Part(n, 10, "E" * 32) for n in range(1, 200)])
    return directory / NAME


def aside(directory: Path) -> list[Path]:
    found = sorted(p for p in directory.iterdir() if "damaged" in p.name)
    assert all(ASIDE.match(path.name) for path in found)
    return found


def assert_begun_anew(directory: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    """The store works, says what happened, and the damaged bytes are all there."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="pan115kit"), Store(directory) as store:
        assert store.sessions.list() == []
        kept = [path for path in aside(directory) if path.read_bytes() == content]
        assert len(kept) == 1
        assert any(str(kept[0]) in notice for notice in store.notices)
        assert [record.message for record in caplog.records] == store.notices
        store.sessions.save(UploadSession("new", "/a", "a", 1))
    with Store(directory) as store:
        assert [s.session_id for s in store.sessions.list()] == ["new"]
        assert store.notices == []


@pytest.mark.parametrize(
    "content", [b"garbage", b"\0" * 5000, b"SQLite format 3\0" + b"x" * 9000, b'{"json": 1}' * 99]
)
def test_a_file_that_is_no_database_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert_begun_anew(tmp_path, caplog, content)


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_database_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float, mode: str
) -> None:
    """A full disk, a broken copy, a sync tool: half a file must not stop all uploads."""
    path = fill(tmp_path, mode)
    content = path.read_bytes()
    content = content[: int(len(content) * share)]
    path.write_bytes(content)
    assert_begun_anew(tmp_path, caplog, content)


@pytest.mark.parametrize("position", [0.1, 0.3, 0.6, 0.95])
def test_a_page_of_garbage_is_found_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, position: float
) -> None:
    """quick_check finds it before an upload runs into it half-way."""
    path = fill(tmp_path)
    content = bytearray(path.read_bytes())
    page = int(len(content) * position) // 4096 * 4096
    content[page : page + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    assert_begun_anew(tmp_path, caplog, bytes(content))


@pytest.mark.parametrize("cut", [*range(0, 700, 97), 4095, 4096, 4097, 8192, 10_000])
def test_wherever_it_is_cut_the_store_opens(tmp_path: Path, cut: int) -> None:
    path = fill(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with Store(tmp_path) as store:
        assert store.sessions.list() == []
        assert len(aside(tmp_path)) == len(store.notices) == (1 if cut else 0)  # an empty file is simply a new one


def test_another_programs_database_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("CREATE TABLE sessions (x)")
    connection.close()
    assert_begun_anew(tmp_path, caplog, (tmp_path / NAME).read_bytes())


def test_a_database_that_lacks_a_table_is_set_aside(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.database.write(lambda c: c.execute("DROP TABLE hashes"))
    with Store(tmp_path) as store:
        assert "hashes" in store.notices[0]
        assert len(aside(tmp_path)) == 1


LEFT_WITH_WAL = """
import os, sys
from pan115kit.models import UploadSession
from pan115kit.store import Store
store = Store(sys.argv[1])
store.sessions.save(UploadSession("one", "/a", "a", 1))
print("saved", flush=True)
os.kill(os.getpid(), 9)                     # the write-ahead log stays behind
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("crashed")
    done = subprocess.run([sys.executable, "-c", LEFT_WITH_WAL, directory], capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"saved\n", -9)
    assert (directory / f"{NAME}-wal").stat().st_size > 0
    return directory


@pytest.fixture
def left(crashed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashed, tmp_path / "state"))


def test_the_log_a_killed_process_left_is_used(left: Path) -> None:
    with Store(left) as store:
        assert [s.session_id for s in store.sessions.list()] == ["one"]
        assert store.notices == []


def test_a_garbage_log_is_kept_and_said_aloud(left: Path, caplog: pytest.LogCaptureFixture) -> None:
    """SQLite alone would overwrite it without a word, and the newest records with it."""
    wal = left / f"{NAME}-wal"
    wal.write_bytes(b"garbage!" * 999)
    with Store(left) as store:
        store.sessions.save(UploadSession("new", "/a", "a", 1))
        [kept] = aside(left)
        assert kept.read_bytes() == b"garbage!" * 999
        assert str(kept) in store.notices[0]
        assert store.sessions.get("new") is not None
    assert [record.message for record in caplog.records] == store.notices


def test_a_torn_log_is_the_ordinary_end_of_a_crash(left: Path) -> None:
    """What was written whole before the tear is still there, and nobody is alarmed."""
    wal = left / f"{NAME}-wal"
    with Store(left) as store:  # checkpoints
        pass
    done = subprocess.run([sys.executable, "-c", LEFT_WITH_WAL, left], capture_output=True, check=False)
    assert done.returncode == -9
    wal.write_bytes(wal.read_bytes()[:-1000] + b"\xff" * 1000)
    with Store(left) as store:
        assert store.notices == []
        assert [s.session_id for s in store.sessions.list()] == ["one"]


def test_a_log_whose_database_is_gone_is_set_aside_with_it(left: Path) -> None:
    """SQLite alone would delete the log."""
    log = (left / f"{NAME}-wal").read_bytes()
    (left / NAME).write_bytes(b"")
    with Store(left) as store:
        assert len(store.notices) == 1
        assert log in [path.read_bytes() for path in aside(left)]


def test_two_damages_in_one_second_are_both_kept(tmp_path: Path) -> None:
    for content in (b"first", b"second", b"third"):
        (tmp_path / NAME).write_bytes(content)
        with Store(tmp_path, clock=lambda: 1_760_000_000.0):
            pass
        (tmp_path / NAME).unlink()
    assert sorted(path.read_bytes() for path in aside(tmp_path)) == [b"first", b"second", b"third"]


def test_a_store_whose_file_was_set_aside_by_another_goes_on_in_the_new_one(tmp_path: Path) -> None:
    """Else what it acknowledges would go into a file that nobody reads any more."""
    with Store(tmp_path) as store:
        store.sessions.save(UploadSession("old", "/a", "a", 1))
        opening.set_aside(store.database.path, "20250101-000000")
        with Store(tmp_path) as other:
            other.sessions.save(UploadSession("theirs", "/a", "a", 1))
            store.sessions.save(UploadSession("ours", "/a", "a", 1))
            assert {s.session_id for s in other.sessions.list()} == {"ours", "theirs"}
            assert {s.session_id for s in store.sessions.list()} == {"ours", "theirs"}


def test_a_state_directory_removed_under_a_running_store_is_made_again(tmp_path: Path) -> None:
    with Store(tmp_path / "state") as store:
        shutil.rmtree(tmp_path / "state")
        store.sessions.save(UploadSession("one", "/a", "a", 1))
        assert store.leases.acquire("one", "job")
        with Store(tmp_path / "state") as other:
            assert [s.session_id for s in other.sessions.list()] == ["one"]
            assert not other.leases.acquire("one", "their job")


def test_who_opens_waits_for_who_opens(tmp_path: Path) -> None:
    """Two processes must not set the same file aside; one that hangs there is named, not waited for for ever."""
    from pan115kit.errors import StoreError

    with opening_lock(tmp_path), pytest.raises(StoreError, match="opening") as caught, opening_lock(tmp_path, 0.0):
        pass
    assert caught.value.retryable
    with opening_lock(tmp_path, 0.0):
        pass


def test_who_opens_the_store_is_told_once_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of sessions that is suddenly empty must say why, in the user's language."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    (tmp_path / NAME).write_bytes(b"garbage")
    with open_store(tmp_path), open_store(tmp_path):
        [kept] = aside(tmp_path)
    printed = capsys.readouterr().err
    assert printed.count("已损坏") == printed.count(str(kept)) == 1
    with open_store(tmp_path):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", [NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}-journal"])
def test_a_folder_in_the_databases_place_is_set_aside(tmp_path: Path, name: str) -> None:
    """It was an error for ever, about permissions that were fine."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "kept").write_text("somebody's")
    with Store(tmp_path) as store:
        store.sessions.save(UploadSession("new", "/a", "a", 1))
        assert len(store.notices) == 1
    [kept] = [path for path in aside(tmp_path) if path.is_dir()]
    assert (kept / "kept").read_text() == "somebody's"
    with Store(tmp_path) as store:
        assert [s.session_id for s in store.sessions.list()] == ["new"]


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_a_flipped_byte_of_the_header_is_never_the_end(tmp_path: Path, first: int) -> None:
    """One was "written by a newer pan115kit": upgrading helped as little as trying again."""
    content = fill(tmp_path / "sound").read_bytes()
    for position in range(first, first + 20):
        directory = tmp_path / str(position)
        directory.mkdir()
        flipped = bytearray(content)
        flipped[position] ^= 0x41
        (directory / NAME).write_bytes(flipped)
        with Store(directory) as store:
            store.sessions.save(UploadSession("new", "/a", "a", 1))
            names = {session.session_id for session in store.sessions.list()}
            assert names == ({"new"} if store.notices else {"new", "one", "two", "three"}), position
        with Store(directory) as store:
            assert "new" in {session.session_id for session in store.sessions.list()}
            assert store.notices == []


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("left", [0, 1000, 5000], ids=["emptied", "header", "cut"])
def test_a_database_cut_while_it_is_open_is_begun_again(tmp_path: Path, left: int, mode: str) -> None:
    """A sync tool or a careless ``>``: the running uploads said "no such table" until the program was restarted."""
    fill(tmp_path, mode)
    with Store(tmp_path, journal_mode=mode) as store:
        assert len(store.sessions.list()) == 3
        with (tmp_path / NAME).open("r+b") as file:
            file.truncate(left)
        (tmp_path / f"{NAME}-wal").unlink(missing_ok=True)
        store.sessions.save(UploadSession("new", "/a", "a", 1))
        assert [s.session_id for s in store.sessions.list()] == ["new"]
        assert len(store.notices) == 1
    with Store(tmp_path) as store:
        assert [s.session_id for s in store.sessions.list()] == ["new"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_state_directory_that_everybody_may_write_is_said(tmp_path: Path) -> None:
    """Whoever writes the records decides what is uploaded where."""
    tmp_path.chmod(0o777)
    with Store(tmp_path) as store:
        [notice] = store.notices
        assert "chmod 700" in notice
    tmp_path.chmod(0o775)
    with Store(tmp_path) as store:
        assert store.notices == []
