"""The local file: what may be uploaded, that exactly its bytes go, and that a change is noticed."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pan115kit.errors import (
    DriveProtocolError,
    FileChangedError,
    FileMissingError,
    FileNameError,
    FileUnreadableError,
    LocalFileError,
    NotAFileError,
)
from pan115kit.oss.crc64 import crc64
from pan115kit.transfer import local_file
from pan115kit.transfer.local_file import LocalFile, in_thread, next_step


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "电影 a.bin"
    path.write_bytes(os.urandom(3_000_001))
    return path


@pytest.fixture(params=["page cache", "threads"])
def reading(request: pytest.FixtureRequest) -> Callable[[LocalFile], LocalFile]:
    """Both ways of reading: straight from the page cache, and ahead in a thread."""

    def prepare(file: LocalFile) -> LocalFile:
        file._knows_cache = request.param == "page cache" and hasattr(os, "RWF_NOWAIT")
        return file

    return prepare


async def collect(file: LocalFile, offset: int, length: int, step: int = local_file.STEP) -> list[bytes]:
    return [bytes(piece) async for piece in file.stream(offset, length, step=step)]


# -- what may be uploaded


def test_a_file_is_what_the_system_says_it_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, size and identity go into sessions; a relative path must survive a later chdir."""
    monkeypatch.chdir(place.parent)
    with LocalFile.open(place.name) as file:
        status = place.stat()
        assert (file.path, file.name, file.size) == (place, place.name, 3_000_001)
        assert (file.identity.inode, file.identity.mtime_ns) == (status.st_ino, status.st_mtime_ns)
        file.check_unchanged()


def test_a_symbolic_link_is_followed_and_keeps_its_own_name(place: Path) -> None:
    """Data sets are often links into a store."""
    link = place.with_name("link.bin")
    link.symlink_to(place)
    with LocalFile.open(link) as file:
        assert (file.name, file.size) == ("link.bin", 3_000_001)
        file.check_unchanged()


@pytest.mark.parametrize("name", ["missing.bin", "missing/a.bin", "电影 a.bin/inside"])
def test_a_missing_file_is_named(place: Path, name: str) -> None:
    """And can be caught as FileNotFoundError."""
    with pytest.raises(FileMissingError, match="there is no file") as caught:
        LocalFile.open(place.parent / name)
    assert isinstance(caught.value, FileNotFoundError)


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    """Opening one the plain way would hang the engine for ever."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(NotAFileError, match="FIFO"):
        LocalFile.open(fifo)


def test_a_fifo_that_takes_the_files_place_is_refused_just_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening somebody may swap the file."""
    fifo, plain = tmp_path / "fifo", tmp_path / "plain"
    os.mkfifo(fifo)
    plain.touch()
    looked, real = plain.stat(), os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: looked if Path(path) == fifo else real(path, **more))
    with pytest.raises(NotAFileError):
        LocalFile.open(fifo)


def test_folders_sockets_and_devices_are_refused(tmp_path: Path) -> None:
    """Each by its name; a folder with the hint how to upload one."""
    with pytest.raises(NotAFileError, match=r"directory.*submit_folder"):
        LocalFile.open(tmp_path)
    with pytest.raises(NotAFileError, match="device"):
        LocalFile.open("/dev/zero")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        with pytest.raises(NotAFileError, match="socket"):
            LocalFile.open(tmp_path / "socket")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system has no /proc")
def test_a_file_whose_size_is_not_known_is_refused() -> None:
    """It has 0 bytes for the system and content for its reader: nothing would be uploaded, with success."""
    with pytest.raises(NotAFileError, match="size"):
        LocalFile.open("/proc/self/status")


def test_an_unreadable_file_says_so(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, so the system's refusal is played."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FileUnreadableError, match="may not be read") as caught:
        LocalFile.open(place)
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize("name", ["", "a\0b", "film-\udcff.bin", os.fsdecode(b"/tmp/\xff\xfe.bin")])
def test_a_name_that_115_cannot_carry_is_refused_before_anything_else(name: str) -> None:
    """Python shows such names with surrogates, which cannot be sent as UTF-8."""
    with pytest.raises(FileNameError):
        LocalFile.open(name)


# -- exactly its bytes


@settings(max_examples=60)
@given(
    size=st.integers(0, 200_000),
    start=st.integers(0, 200_000),
    length=st.integers(0, 200_000),
    step=st.sampled_from([1000, 4096, 65536, 1 << 20]),
    ahead=st.sampled_from([4096, 30_000, 4 << 20]),
    cached=st.booleans(),
)
def test_any_range_comes_out_as_it_is_in_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    start: int,
    length: int,
    step: int,
    ahead: int,
    cached: bool,
) -> None:
    """Whatever the part size, the step, and the way of reading: a byte off would be a broken upload."""
    content = os.urandom(size)
    path = tmp_path_factory.getbasetemp() / "range.bin"
    path.write_bytes(content)
    start = min(start, size)
    length = min(length, size - start)
    with LocalFile.open(path) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_file, "READ_AHEAD", ahead)
        file._knows_cache = cached and file._knows_cache
        pieces = asyncio.run(collect(file, start, length, step))
    assert b"".join(pieces) == content[start : start + length]
    assert all(0 < len(piece) <= step for piece in pieces)


def test_pieces_stay_as_they_are_when_the_next_ones_are_read(
    place: Path, reading: Callable[[LocalFile], LocalFile]
) -> None:
    """The socket may still hold a piece while the next is read: no buffer may be used twice."""

    async def run(file: LocalFile) -> bytes:
        return b"".join([piece async for piece in file.stream(0, file.size)])

    with LocalFile.open(place) as file:
        assert asyncio.run(run(reading(file))) == place.read_bytes()


def test_a_slow_line_gets_smaller_pieces_and_a_fast_one_larger() -> None:
    """Progress must move at least a few times a second on 100 kB/s too."""
    step = local_file.STEP
    for _ in range(10):
        step = next_step(step, step / 100_000, local_file.STEP)
    assert step / 100_000 <= 0.4
    for _ in range(10):
        step = next_step(step, step / 1e9, local_file.STEP)
    assert step == local_file.STEP


@given(step=st.integers(1, 1 << 20), seconds=st.floats(0, 1e6), largest=st.integers(1, 1 << 20))
def test_a_step_is_never_larger_than_asked_nor_nothing(step: int, seconds: float, largest: int) -> None:
    """A step of zero would never end."""
    assert 1 <= next_step(min(step, largest), seconds, largest) <= largest


def test_a_file_system_that_cannot_tell_what_is_cached_is_read_in_threads(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network drives answer EOPNOTSUPP; they are also the ones that must not block the loop."""

    asked: list[object] = []

    def refuse(*_: object) -> int:
        asked.append(_)
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "preadv", refuse, raising=False)
    monkeypatch.setattr(local_file, "READ_AHEAD", 1 << 20)
    readers: set[str] = set()
    real = LocalFile._read_at

    def watched(self: LocalFile, offset: int, length: int) -> bytes:
        readers.add(threading.current_thread().name)
        return real(self, offset, length)

    monkeypatch.setattr(LocalFile, "_read_at", watched)
    with LocalFile.open(place) as file:
        assert b"".join(asyncio.run(collect(file, 0, file.size))) == place.read_bytes()
    assert all(name.startswith("pan115kit-file") for name in readers)
    assert len(asked) <= 1, "it is not asked again and again"


def test_what_is_not_in_the_page_cache_is_read_ahead_by_a_thread(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk must be busy with the next block while the present one is on the wire."""
    monkeypatch.setattr(os, "preadv", lambda *_: (_ for _ in ()).throw(BlockingIOError()), raising=False)
    monkeypatch.setattr(local_file, "READ_AHEAD", 1 << 20)
    began = [threading.Event() for _ in range(3)]
    real = LocalFile._read_block

    def watched(self: LocalFile, offset: int, length: int, step: int) -> list[bytes]:
        began[offset >> 20].set()
        return real(self, offset, length, step)

    monkeypatch.setattr(LocalFile, "_read_block", watched)

    async def run(file: LocalFile) -> None:
        stream = file.stream(0, file.size)
        await anext(stream)
        assert await in_thread(lambda _: began[1].wait(60)), "the second block is read before it is asked for"
        assert not began[2].is_set(), "but not the whole file"
        await stream.aclose()

    with LocalFile.open(place) as file:
        if not file._knows_cache:
            pytest.skip("this system cannot tell what is cached")
        asyncio.run(run(file))


def test_the_second_check_hashes_an_inclusive_range(place: Path) -> None:
    """115 names the last byte, not the one after it (protocol §2.3)."""
    content = place.read_bytes()
    with LocalFile.open(place) as file:
        for start, end in ((0, 0), (0, file.size - 1), (2392148, 2392298), (file.size - 1, file.size - 1)):
            expected = hashlib.sha1(content[start : end + 1]).hexdigest().upper()
            assert asyncio.run(file.sha1_range(start, end)) == expected


@pytest.mark.parametrize(("start", "end"), [(0, 3_000_001), (5, 4), (-1, 5)])
def test_a_range_outside_the_file_is_115s_mistake(place: Path, start: int, end: int) -> None:
    """Not an endless read, nor a hash of fewer bytes."""
    with LocalFile.open(place) as file, pytest.raises(DriveProtocolError):
        asyncio.run(file.sha1_range(start, end))


def test_the_crc_of_a_range_is_the_one_oss_lists(place: Path) -> None:
    """It decides whether a part whose answer was lost is ours."""
    content = place.read_bytes()
    with LocalFile.open(place) as file:
        assert asyncio.run(file.crc64_range(1_000_000, 2_000_001)) == crc64(content[1_000_000:])
        assert asyncio.run(file.crc64_range(5, 0)) == 0


# -- changes


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _rewrite(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"X" * 10)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # hides from mtime, not from ctime


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(os.urandom(3_000_001))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def _truncate(path: Path) -> None:
    os.truncate(path, 10)


def _delete(path: Path) -> None:
    path.unlink()


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _let_the_clock_tick(path: Path) -> None:
    """Until a change would get another time than the last one: many kernels tell time in steps of milliseconds."""
    last, probe = path.stat().st_ctime_ns, path.with_name("probe")
    probe.touch()
    while probe.stat().st_ctime_ns <= last:
        probe.chmod(0o600)


@pytest.mark.parametrize("change", [_grow, _rewrite, _replace, _truncate, _delete, _touch])
def test_every_change_is_noticed(place: Path, change: Callable[[Path], None]) -> None:
    """Else the drive would hold a mixture of two files under one SHA-1."""
    os.utime(place, ns=(10**18, 10**18))
    with LocalFile.open(place) as file:
        file.check_unchanged()
        _let_the_clock_tick(place)
        change(place)
        with pytest.raises(FileChangedError):
            file.check_unchanged()


def test_a_link_that_leads_elsewhere_is_noticed(place: Path) -> None:
    """The open file is as it was, but it is no longer the one that was named."""
    link = place.with_name("link.bin")
    link.symlink_to(place)
    other = place.with_name("other.bin")
    other.touch()
    with LocalFile.open(link) as file:
        link.unlink()
        link.symlink_to(other)
        with pytest.raises(FileChangedError, match="another file"):
            file.check_unchanged()


def test_a_file_that_gets_shorter_while_it_is_sent_ends_in_an_error(
    place: Path, reading: Callable[[LocalFile], LocalFile]
) -> None:
    """Neither a hang nor a short body."""
    with LocalFile.open(place) as file:
        reading(file)
        _truncate(place)
        with pytest.raises(FileChangedError, match="ends at 10 instead of 3000001"):
            asyncio.run(collect(file, 0, file.size))
        with pytest.raises(FileChangedError):
            asyncio.run(file.crc64_range(0, file.size))


def test_a_disk_error_is_told_as_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, reading: Callable[[LocalFile], LocalFile]
) -> None:
    """EIO means: look at the disk."""

    class Broken:
        def __init__(self, raw: object) -> None:
            self._raw = raw

        def read(self, count: int) -> bytes:
            raise OSError(5, "Input/output error")

        def __getattr__(self, name: str) -> object:
            return getattr(self._raw, name)

    with LocalFile.open(place) as file:
        reading(file)
        monkeypatch.setattr(file, "_raw", Broken(file._raw))
        with pytest.raises(FileUnreadableError, match="Input/output error"):
            asyncio.run(collect(file, 0, file.size))


# -- closing


def test_a_closed_file_is_not_read_through_anothers_descriptor(place: Path) -> None:
    """The system gives the number to the next file that is opened: its bytes must never go out."""
    file = LocalFile.open(place)
    file.close()
    file.close()
    with place.open("rb"), pytest.raises(LocalFileError):
        asyncio.run(collect(file, 0, 10))
    with pytest.raises(LocalFileError):
        file.check_unchanged()


def test_closing_waits_for_nobody_and_the_reader_closes_at_its_end(place: Path) -> None:
    """A thread stuck in a network drive must not hold up a cancel, and no descriptor may leak."""
    file = LocalFile.open(place)
    with file._open_descriptor() as descriptor:
        file.close()
        os.fstat(descriptor)
    assert file._raw.closed


def test_a_cancelled_reader_stops_reading(place: Path) -> None:
    """A cancelled hash of 100 GB must not go on in the background."""
    reading, stopped = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        reading.set()
        assert stop.wait(60)
        stopped.set()

    async def run() -> None:
        task = asyncio.create_task(in_thread(work))
        assert await in_thread(lambda _: reading.wait(60))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await in_thread(lambda _: stopped.wait(60))

    asyncio.run(run())


def test_an_abandoned_stream_leaves_no_complaint(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A block that was being read ahead, and failed, is nobody's any more."""

    failed = threading.Event()
    real = LocalFile._read_block

    def watched(self: LocalFile, offset: int, length: int, step: int) -> list[bytes]:
        if offset:
            failed.set()
            raise FileUnreadableError("the disk is gone")
        return real(self, offset, length, step)

    async def run(file: LocalFile) -> None:
        file._knows_cache = False
        stream = file.stream(0, file.size)
        await anext(stream)
        assert await in_thread(lambda _: failed.wait(60))
        await stream.aclose()

    with LocalFile.open(place) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_file, "READ_AHEAD", 1 << 20)
        patch.setattr(LocalFile, "_read_block", watched)
        asyncio.run(run(file))
    gc.collect()
    assert not caplog.records
