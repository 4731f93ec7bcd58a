"""SHA-1 of the file: the identity 115 goes by; a wrong one uploads gigabytes for nothing."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import os
import platform
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit._base.file_systems import file_system_at
from pan115kit.errors import FileChangedError
from pan115kit.models import FileIdentity
from pan115kit.transfer import local_file
from pan115kit.transfer.hashing import is_settled, sha1_file
from pan115kit.transfer.local_file import LocalFile


class Memory:
    """A cache that keeps what it is told."""

    def __init__(self) -> None:
        self.known: dict[FileIdentity, str] = {}

    async def look_up(self, identity: FileIdentity) -> str | None:
        return self.known.get(identity)

    async def remember(self, identity: FileIdentity, sha1: str) -> None:
        self.known[identity] = sha1


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local_file, "_file_system", lambda *_: "ext4")  # /tmp may be in memory
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(5_000_001))
    os.utime(path, (time.time() - 3600,) * 2)
    return path


class Gate:
    """Holds the hashing thread at its second piece until let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self.pieces = 0
        real = LocalFile._read_into

        def read(file: LocalFile, view: memoryview, offset: int) -> None:
            self.pieces += 1
            if self.pieces == 2:
                self.reached.set()
                assert self.go.wait(120)
            real(file, view, offset)

        monkeypatch.setattr(LocalFile, "_read_into", read)

    async def wait(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 60)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_it_is_the_sha1_of_the_whole_file_in_upper_case(tmp_path: Path, size: int) -> None:
    """115 compares text."""
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    with LocalFile.open(tmp_path / "a") as file:
        assert asyncio.run(sha1_file(file)) == hashlib.sha1(content).hexdigest().upper()


def test_progress_ends_at_the_size_and_never_goes_back(place: Path) -> None:
    """The bar of a 100 GB file is all its user sees for minutes."""
    seen: list[int] = []
    with LocalFile.open(place) as file:
        asyncio.run(sha1_file(file, on_progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 5_000_001


def test_progress_is_told_on_the_loop_while_the_thread_works(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener need not be thread-safe, and hears of it before the end."""
    gate = Gate(monkeypatch)
    threads: list[int] = []

    def listen(done: int) -> None:
        threads.append(threading.get_ident())
        if done == 1 << 20:
            gate.go.set()

    with LocalFile.open(place) as file:
        asyncio.run(sha1_file(file, on_progress=listen))
    assert set(threads) == {threading.get_ident()}
    assert len(threads) < 200


def test_a_known_hash_is_used_for_the_same_file_only(place: Path) -> None:
    """Uploading the same 50 GB again must not hash it again; an edited file must be."""
    memory = Memory()
    seen: list[int] = []

    async def run(file: LocalFile) -> str:
        return await sha1_file(file, on_progress=seen.append, cached=memory.look_up, remember=memory.remember)

    with LocalFile.open(place) as file:
        first = asyncio.run(run(file))
        assert memory.known == {file.identity: first}
        memory.known[file.identity] = "0" * 40
        seen.clear()
        assert asyncio.run(run(file)) == "0" * 40
        assert seen == [5_000_001]
    with place.open("ab") as writer:
        writer.write(b"!")
    with LocalFile.open(place) as file:
        assert asyncio.run(run(file)) == hashlib.sha1(place.read_bytes()).hexdigest().upper()


def test_a_file_changed_while_it_is_hashed_is_an_error_and_nothing_is_remembered(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hash is of a file that never was."""
    gate = Gate(monkeypatch)
    memory = Memory()

    async def run(file: LocalFile) -> None:
        task = asyncio.create_task(sha1_file(file, remember=memory.remember))
        await gate.wait()
        with place.open("r+b") as writer:
            writer.write(b"another beginning")
        gate.go.set()
        with pytest.raises(FileChangedError):
            await task

    with LocalFile.open(place) as file:
        asyncio.run(run(file))
    assert memory.known == {}


def test_a_known_hash_of_a_file_that_changed_since_it_was_opened_is_not_used(place: Path) -> None:
    """The upload would send other bytes than it claims."""
    memory = Memory()
    with LocalFile.open(place) as file:
        memory.known[file.identity] = "0" * 40
        place.unlink()
        with pytest.raises(FileChangedError):
            asyncio.run(sha1_file(file, cached=memory.look_up))


def test_the_hash_of_a_file_written_to_just_now_is_not_remembered(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second write within the clock's grain would keep its identity (as git's "racy clean")."""
    memory = Memory()
    written = place.stat().st_mtime
    monkeypatch.setattr(time, "time", lambda: written + 1.9)
    with LocalFile.open(place) as file:
        asyncio.run(sha1_file(file, remember=memory.remember))
    assert memory.known == {}


@pytest.mark.skipif(
    platform.system() != "Linux", reason="what a mapped write does to the time is known of Linux only"
)
def test_a_write_through_mmap_makes_a_remembered_hash_unknown(tmp_path: Path) -> None:
    """To a page that was dirty already it moved no time: the old content was reported as uploaded."""
    if file_system_at(tmp_path) not in local_file._TIMELY:
        pytest.skip("this file system does not move times; nothing is remembered on it")
    path = tmp_path / "mapped.bin"
    path.write_bytes(b"a" * 8192)
    memory = Memory()

    def hash_it() -> str:
        with LocalFile.open(path) as file:
            return asyncio.run(sha1_file(file, cached=memory.look_up, remember=memory.remember))

    with path.open("r+b") as writer, mmap.mmap(writer.fileno(), 8192) as mapped:
        mapped[0] = 1
        os.utime(path, (time.time() - 3600,) * 2)  # an old time on a dirty page
        first = hash_it()
        assert list(memory.known.values()) == [first]
        mapped[1] = 2
        assert hash_it() == hashlib.sha1(path.read_bytes()).hexdigest().upper() != first


@pytest.mark.parametrize("kind", ["tmpfs", "nfs4", "fuse.sshfs", ""])
def test_where_times_do_not_tell_nothing_is_remembered(
    place: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory and on network drives a later write may show in no time at all."""
    monkeypatch.setattr(local_file.platform, "system", lambda: "Linux")
    monkeypatch.setattr(local_file, "_file_system", lambda *_: kind)
    memory = Memory()
    with LocalFile.open(place) as file:
        asyncio.run(sha1_file(file, remember=memory.remember))
    assert memory.known == {}


@pytest.mark.parametrize(("age", "is_kept"), [(300, False), (900, True)])
def test_elsewhere_a_file_is_old_once_its_pages_are_written_out(
    place: Path, age: int, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows and macOS cannot be asked to write out a file that is only read."""
    monkeypatch.setattr(local_file.platform, "system", lambda: "Windows")
    os.utime(place, (time.time() - age,) * 2)
    memory = Memory()
    with LocalFile.open(place) as file:
        asyncio.run(sha1_file(file, remember=memory.remember))
    assert bool(memory.known) is is_kept


@given(now=st.floats(0, 4e9), age=st.floats(-1e6, 1e6))
def test_settled_means_more_than_two_seconds_old(now: float, age: float) -> None:
    """Also with times in the future, as network drives with another clock have."""
    identity = FileIdentity(1, 2, 3, int((now - age) * 1e9), 0)
    if abs(age - 2) > 0.01:
        assert is_settled(identity, now, 2.0) is (age > 2)


def test_cancelling_returns_at_once_and_the_thread_stops_soon(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the disk does not answer."""
    gate = Gate(monkeypatch)

    async def run(file: LocalFile) -> None:
        task = asyncio.create_task(sha1_file(file))
        await gate.wait()
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=60)
            assert task.cancelled(), "it waits for the disk"
        finally:
            gate.go.set()

    with LocalFile.open(place) as file:
        asyncio.run(run(file))
        with file._lock:
            assert gate.pieces == 2, "and no further piece is read"


def test_an_error_of_the_listener_stops_the_thread_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on hashing behind a failed upload."""
    gate = Gate(monkeypatch)

    def fail(done: int) -> None:
        raise ZeroDivisionError

    async def run(file: LocalFile) -> None:
        with pytest.raises(ZeroDivisionError):
            await sha1_file(file, on_progress=fail)
        gate.go.set()

    with LocalFile.open(place) as file:
        asyncio.run(run(file))
        with file._lock:
            assert gate.pieces <= 2
