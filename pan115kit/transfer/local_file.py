"""The local file: what it is, its bytes by range, and whether it is still the same.

Reading never waits for a disk on the event loop.  What the page cache holds is copied out right there (0.9 CPU s/GB
and 0.9 GB/s to a local OSS; handing the same bytes over from a thread costs 1.3 and halves the speed, for cold caches
and the GIL).  What it does not hold is read by a thread of a small pool, 4 MiB ahead of the wire.  Linux tells which
is which (``RWF_NOWAIT``); elsewhere the thread reads everything.  Pieces handed out are ``bytes`` of one step, which
go down to the socket without being copied again.
"""

from __future__ import annotations

import asyncio
import math
import os
import platform
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from hashlib import sha1
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .._base.file_systems import file_system_at
from .._base.local_paths import missing_path_hint
from .._base.open_beneath import open_beneath
from ..errors import (
    DriveProtocolError,
    FileChangedError,
    FileMissingError,
    FileNameError,
    FileUnreadableError,
    NotAFileError,
    Pan115Error,
)
from ..i18n import say
from ..models import FileIdentity
from ..oss.crc64 import crc64

Result = TypeVar("Result")

#: Bytes of one piece on the wire at most; larger ones gain nothing and stall the loop.
STEP = 1 << 20
#: Bytes read by the thread at once: the price of a thread switch is spread over this much.
READ_AHEAD = 4 << 20
#: Smallest piece on a slow line, so that progress moves and a stop is felt at once.
_SMALLEST_STEP = 32 << 10
_FIRST_STEP = 128 << 10


#: File systems keep times only so finely (FAT: 2 s): a file written to less than this many seconds before may be
#: written to again without its time changing.
SETTLED_AFTER = 2.0
#: Seconds after which macOS and Windows have written out a mapped page by themselves.
_FLUSHED_AFTER = 600.0
#: Linux moves a file's time here at the first mapped write to a clean page.
_TIMELY = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "overlay", "vfat", "exfat", "ntfs3"})


@lru_cache(maxsize=64)
def _file_system(_device: int, directory: Path) -> str:
    return file_system_at(directory)


def _new_readers() -> None:
    """Own threads, so that a stuck network drive does not keep name lookups (the loop's own pool) waiting."""
    global _readers
    _readers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="pan115kit-file")


_readers: ThreadPoolExecutor
_new_readers()
if hasattr(os, "register_at_fork"):
    # a forked child has the pool without its threads: work handed to it would wait for ever
    os.register_at_fork(after_in_child=_new_readers)


async def in_thread(work: Callable[[threading.Event], Result]) -> Result:
    """Run blocking file work off the loop; when the caller is cancelled, ``work`` sees its event set and ends."""
    stop = threading.Event()
    try:
        return await asyncio.get_running_loop().run_in_executor(_readers, work, stop)
    finally:
        stop.set()


def next_step(step: int, seconds: float, largest: int) -> int:
    """How much to hand out next, when ``step`` bytes took ``seconds`` to go: about five pieces a second at least."""
    if seconds > 0.2:
        return min(max(step // 2, _SMALLEST_STEP), largest)
    return min(step * 2, largest) if seconds < 0.05 else step


class LocalFile:
    """One open regular file.

    Attributes:
        path: Absolute path.
        name: Last component.
        size: Bytes when it was opened.
        identity: What it was when it was opened.
    """

    def __init__(self, path: Path, raw: FileIO, identity: FileIdentity) -> None:
        self.path = path
        self.name = path.name
        self.size = identity.size
        self.identity = identity
        self._raw = raw
        self._lock = threading.Lock()
        self._closing = False
        self._pace = _FIRST_STEP
        self._knows_cache = hasattr(os, "preadv") and hasattr(os, "RWF_NOWAIT")

    def __repr__(self) -> str:
        return f"<LocalFile {str(self.path)!r}, {self.size} bytes>"

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, beneath: str = "") -> Self:
        """Open a regular file for reading.  Never waits on a FIFO and never opens a device.

        Args:
            path: Local path.
            beneath: A folder; the file must lie under it, and no link below it is followed.

        Raises:
            OutsideFolderError: It is not ``beneath``, or a link is in the way.
            FileMissingError: There is no such file.
            NotAFileError: It is a directory, FIFO, socket or device, or the system does not tell its size.
            FileUnreadableError: It may not be read.
            FileNameError: The path is empty or is not Unicode.
        """
        place = Path(os.path.abspath(_checked_name(path)))
        with _as_file_errors(place):
            # The file may be swapped for a FIFO before it is opened, hence O_NONBLOCK and a second look.
            flags = (
                os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
            )
            if beneath:
                descriptor = open_beneath(beneath, str(place), flags, partial(_require_regular, place))
            else:
                _require_regular(place, os.stat(place))
                descriptor = os.open(place, flags)
            raw = FileIO(descriptor, "rb", closefd=True)
            try:
                status = os.fstat(descriptor)
                _require_regular(place, status)
                if status.st_size == 0 and raw.read(1):  # as in /proc: it would be uploaded as nothing, with success
                    raise NotAFileError(say("file.no_size", path=place), hint=say("file.no_size.hint"))
            except BaseException:  # also on Ctrl-C: nobody else can close it
                raw.close()
                raise
        return cls(place, raw, identity_of(status))

    def check_unchanged(self) -> None:
        """Make sure that neither the open file nor what the path names has changed since it was opened.

        Raises:
            FileChangedError: Size, times or the file behind the path differ, or the path is gone.
        """
        with self._open_descriptor() as descriptor:
            now = identity_of(os.fstat(descriptor))
        for found in (self._named(), now):  # in this order: a file that was replaced has new metadata, too
            if found != self.identity:
                raise _changed(self.path, _difference(self.identity, found))

    def settling_time(self) -> float:
        """How old the file's time must be for any write from now on to move it, in seconds; blocking.

        A write through ``mmap`` moves it only when it is the first to a clean page, so all pages are written out.
        A file system in memory never moves it, a network's does when it likes (measured on ext4 and tmpfs).
        """
        if platform.system() != "Linux":
            return _FLUSHED_AFTER
        if _file_system(self.identity.device, self.path.parent) not in _TIMELY:
            return math.inf
        try:
            with self._open_descriptor() as descriptor:
                os.fsync(descriptor)
        except OSError:
            return math.inf
        return SETTLED_AFTER

    def _named(self) -> FileIdentity:
        """What the path names now."""
        try:
            return identity_of(os.stat(self.path))
        except OSError:
            raise _changed(self.path, say("file.changed.gone")) from None

    def delete(self) -> None:
        """Delete the file, if it is still what it was when it was opened; it is closed then.

        Raises:
            FileChangedError: It is not.
            FileUnreadableError: It cannot be deleted.
        """
        self.check_unchanged()
        self.close()  # Windows deletes no open file
        if (named := self._named()) != self.identity:
            raise _changed(self.path, _difference(self.identity, named))
        with _as_file_errors(self.path):
            os.unlink(self.path)

    async def stream(self, offset: int, length: int, *, step: int = STEP) -> AsyncIterator[bytes | memoryview]:
        """The bytes from ``offset``, in pieces of at most ``step``, read ahead where the disk has to be asked.

        On a slow line the pieces get smaller, so that progress, a stop and the bandwidth limit stay smooth.

        Args:
            offset: First byte.
            length: Bytes in all.
            step: Bytes of a piece at most.

        Raises:
            FileChangedError: The file ended early.
            FileUnreadableError: Reading failed.
        """
        clock = asyncio.get_running_loop().time
        end = offset + length
        ahead: asyncio.Future[list[bytes]] | None = None
        try:
            while offset < end:
                wholes = None if ahead else self._cached(offset, min(step, end - offset))
                if wholes is None:
                    wholes = await (ahead or self._read_ahead(offset, end, step))
                    ahead = None
                    following = offset + sum(map(len, wholes))
                    if following < end and not self._is_cached(following, min(step, end - following)):
                        ahead = self._read_ahead(following, end, step)
                for whole in wholes:
                    offset += len(whole)
                    for piece in self._paced(whole):
                        started = clock()
                        yield piece
                        self._pace = next_step(self._pace, clock() - started, step)
        finally:
            if ahead is not None:
                _forget(ahead)

    async def sha1_range(self, start: int, end: int) -> str:
        """SHA-1 (upper-case hex) of bytes ``start`` to ``end``, both inclusive (protocol §2.3).

        Raises:
            DriveProtocolError: The range is not within the file.
            FileChangedError: The file ended early.
            FileUnreadableError: Reading failed.
        """
        if not 0 <= start <= end < self.size:
            message = say("file.range_outside", start=start, end=end, size=self.size)
            raise DriveProtocolError(message, retryable=False)
        digest = sha1(usedforsecurity=False)
        await in_thread(partial(self.feed, digest.update, start, end - start + 1))
        return digest.hexdigest().upper()

    async def crc64_range(self, offset: int, length: int) -> int:
        """CRC-64 of ``length`` bytes from ``offset``, to compare with what ListParts says.

        Raises:
            FileChangedError: The file ended early.
            FileUnreadableError: Reading failed.
        """
        value = 0

        def update(view: memoryview) -> None:
            nonlocal value
            value = crc64(view, value)

        await in_thread(partial(self.feed, update, offset, length))
        return value

    def feed(self, update: Callable[[memoryview], object], offset: int, length: int, stop: threading.Event) -> None:
        """Read a range in one buffer and pass it on piece by piece; blocking, ends early once ``stop`` is set.

        Raises:
            FileChangedError: The file ended early.
            FileUnreadableError: Reading failed, or the file was closed meanwhile.
        """
        buffer = memoryview(bytearray(min(STEP, length)))
        end = offset + length
        while offset < end and not stop.is_set():
            view = buffer[: min(len(buffer), end - offset)]
            self._read_into(view, offset)
            update(view)
            offset += len(view)

    def close(self) -> None:
        """Close the file, at the end of a read that another thread is in; closing twice is fine."""
        self._closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._raw.close()
            finally:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _open_descriptor(self) -> Iterator[int]:
        """The descriptor, held open meanwhile: a closed one's number may already belong to another file."""
        try:
            with self._lock:
                if self._closing:
                    raise FileUnreadableError(say("file.closed", path=self.path))
                yield self._raw.fileno()
        finally:
            if self._closing:
                self.close()  # it was asked for while we held the lock

    def _paced(self, whole: bytes) -> Iterator[bytes | memoryview]:
        """``whole`` in pieces as large as the line takes in a fifth of a second."""
        start = 0
        while start < len(whole):
            size = self._pace
            yield whole if start == 0 and size >= len(whole) else memoryview(whole)[start : start + size]
            start += size

    def _read_ahead(self, offset: int, end: int, step: int) -> asyncio.Future[list[bytes]]:
        length = min(READ_AHEAD, end - offset)
        return asyncio.get_running_loop().run_in_executor(_readers, self._read_block, offset, length, step)

    def _read_block(self, offset: int, length: int, step: int) -> list[bytes]:
        """``length`` bytes as a list of pieces of ``step`` bytes, and a hint to the disk to go on; blocking."""
        end = offset + length
        pieces = [self._read_at(start, min(step, end - start)) for start in range(offset, end, step)]
        if hasattr(os, "posix_fadvise"):
            with self._open_descriptor() as descriptor, suppress(OSError):
                os.posix_fadvise(descriptor, end, READ_AHEAD, os.POSIX_FADV_WILLNEED)
        return pieces

    def _cached(self, offset: int, length: int) -> list[bytes] | None:
        """One piece from the page cache, or None where a disk has to be waited for."""
        return [self._read_at(offset, length)] if self._is_cached(offset, length) else None

    def _is_cached(self, offset: int, length: int) -> bool:
        """Whether reading will not wait: both ends are in the page cache and no thread is in this file."""
        if not self._knows_cache or not self._lock.acquire(blocking=False):
            return False
        try:
            probe = bytearray(1)
            for place in (offset, offset + length - 1):
                if self._closing or os.preadv(self._raw.fileno(), [probe], place, os.RWF_NOWAIT) != 1:
                    return False
        except BlockingIOError:
            return False
        except OSError:  # a file system that cannot tell
            self._knows_cache = False
            return False
        else:
            return True
        finally:
            self._lock.release()

    def _read_at(self, offset: int, length: int) -> bytes:
        with self._open_descriptor(), _as_file_errors(self.path):
            self._raw.seek(offset)
            data = self._raw.read(length)
            while len(data) < length:
                more = self._raw.read(length - len(data))
                if not more:
                    raise _changed(self.path, say("file.changed.short", end=offset + len(data), size=self.size))
                data += more
        return data

    def _read_into(self, view: memoryview, offset: int) -> None:
        with self._open_descriptor(), _as_file_errors(self.path):
            self._raw.seek(offset)
            filled = 0
            while filled < len(view):
                count = self._raw.readinto(view[filled:])
                if not count:
                    raise _changed(self.path, say("file.changed.short", end=offset + filled, size=self.size))
                filled += count


def _forget(waiting: asyncio.Future[Any]) -> None:
    """Nobody wants the block any more, nor the error of reading it."""
    if not waiting.cancel() and not waiting.cancelled():
        waiting.exception()


def _checked_name(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    if not text:
        raise FileNameError(say("file.empty_path"))
    if "\0" in text:
        raise FileNameError(say("file.nul", path=repr(text)))
    try:
        text.encode()
    except UnicodeEncodeError:
        message = say("file.not_unicode", name=repr(os.path.basename(text)))
        raise FileNameError(message, hint=say("file.not_unicode.hint")) from None
    return text


def identity_of(status: os.stat_result) -> FileIdentity:
    """What tells a file from what it was before and from others."""
    return FileIdentity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


_KINDS = {stat.S_IFDIR: "file.kind.directory", stat.S_IFIFO: "file.kind.fifo", stat.S_IFSOCK: "file.kind.socket"}


def _require_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = say(_KINDS.get(stat.S_IFMT(status.st_mode), "file.kind.device"))
    hint = say("file.folder.hint") if stat.S_ISDIR(status.st_mode) else ""
    raise NotAFileError(say("file.not_regular", path=path, kind=kind), hint=hint)


def _difference(before: FileIdentity, now: FileIdentity) -> str:
    if (before.device, before.inode) != (now.device, now.inode):
        return say("file.changed.replaced")
    if before.size != now.size:
        return say("file.changed.size", before=before.size, now=now.size)
    return say("file.changed.written" if before.mtime_ns != now.mtime_ns else "file.changed.metadata")


def _changed(path: Path, how: str) -> FileChangedError:
    return FileChangedError(say("file.changed", path=path, how=how), hint=say("file.changed.hint"))


@contextmanager
def _as_file_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors into ours, which say what to do."""
    try:
        yield
    except Pan115Error:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise FileMissingError(say("file.missing", path=path), hint=missing_path_hint(path)) from None
    except PermissionError:
        raise FileUnreadableError(say("file.no_permission", path=path), hint=say("file.no_permission.hint")) from None
    except OSError as error:
        raise FileUnreadableError(say("file.unreadable", path=path, why=error.strerror or error)) from None
