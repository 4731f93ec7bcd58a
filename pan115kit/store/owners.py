"""Is the process that owns a lease still alive?

Every process that owns something holds an OS lock on a file of its own, ``owners/<random>.lock``.  The system drops
that lock when the process dies, however it dies, so a lease of a SIGKILLed process is free at once and no heartbeat
is needed.  Where the file system has no locks, host, pid and the process's start time answer instead.
"""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .._base.file_locks import LockUnsupported, try_lock

# Not sys.platform: to a type checker one branch of it is dead code.
_WINDOWS = platform.system() == "Windows"
_LINUX = platform.system() == "Linux"


_OURS = re.compile(r"[0-9a-f]{32}\.lock")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a lease says about the process that owns it.

    Attributes:
        owner: Names the lock file.
        locked: Whether the lock file carries an OS lock; else pid and start time must do.
        pid: Process id.
        host: Host name.
        started: The process's start, in whatever form :func:`process_started` gives.
    """

    owner: str
    locked: bool
    pid: int
    host: str
    started: str


class ProcessLock:
    """This process's sign of life in one state directory; appears with the first lease.

    Args:
        directory: The state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None
        self._mark: Mark | None = None

    @property
    def owner(self) -> str | None:
        """The name of the lock file, or None while there is none."""
        return self._mark.owner if self._mark else None

    def mark(self) -> Mark:
        """Our mark; makes and locks the file when it is first needed or has been removed.

        Raises:
            OSError: The directory cannot be written.
        """
        if self._mark is not None and (not self._mark.locked or self._still_there()):
            return self._mark
        self.forget()
        _make_folder(self._directory)
        owner = uuid.uuid4().hex
        started = process_started(os.getpid()) or ""
        self._mark = Mark(owner, self._lock(owner), os.getpid(), socket.gethostname(), started)
        return self._mark

    def end(self) -> None:
        """Remove the sign; leases that name it are free."""
        if self._mark is not None:
            path = lock_path(self._directory, self._mark.owner)
            if not _WINDOWS:
                path.unlink(missing_ok=True)
            self.forget()
            path.unlink(missing_ok=True)  # Windows removes no open file

    def forget(self) -> None:
        """Drop our hold on the file and leave it; a forked child must, or it would keep its parent alive."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = self._mark = None

    def _lock(self, owner: str) -> bool:
        """Whether the file system locks; then the file is made and locked."""
        path = lock_path(self._directory, owner)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                locked = try_lock(descriptor)
            except LockUnsupported:
                os.close(descriptor)
                path.unlink(missing_ok=True)
                return False
            # Somebody who cleans up may have looked at (or removed) the file between our making and locking it.
            if locked and _same_file(descriptor, path):
                self._descriptor = descriptor
                return True
            os.close(descriptor)

    def _still_there(self) -> bool:
        assert self._mark is not None
        assert self._descriptor is not None
        return _same_file(self._descriptor, lock_path(self._directory, self._mark.owner))


def is_alive(directory: Path, mark: Mark) -> bool:
    """Whether the process behind a mark lives.

    Args:
        directory: The state directory.
        mark: From a lease.

    Returns:
        True also where it cannot be known (a process on another host, on a file system without locks).
    """
    if mark.locked:
        try:
            return _is_held(lock_path(directory, mark.owner))
        except LockUnsupported:
            pass
    if mark.host != socket.gethostname():
        return True
    started = process_started(mark.pid)
    return started is not None and (not started or not mark.started or started == mark.started)


def clean(directory: Path) -> int:
    """Remove the lock files of dead processes.

    Returns:
        How many were removed.
    """
    removed = 0
    folder = _folder(directory)
    # what a symbolic link leads to is not ours to clean
    found = [] if folder.is_symlink() else [path for path in folder.glob("*.lock") if _OURS.fullmatch(path.name)]
    for path in sorted(found):
        with suppress(LockUnsupported, FileNotFoundError, PermissionError):  # another one cleans too, or it is in use
            if _remove_if_free(path):
                removed += 1
    return removed


def lock_path(directory: Path, owner: str) -> Path:
    """Where the lock file of an owner lies."""
    return _folder(directory) / f"{owner}.lock"


def process_started(pid: int) -> str | None:
    """When a process of this host started, as text to compare; None if there is none, "" if it cannot be told."""
    if _WINDOWS:
        return ""  # its file systems all have locks
    if _LINUX:
        return _started_on_linux(pid)
    return _started_by_ps(pid)


def _started_on_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None if _is_gone(pid) else ""
    state, ticks = fields[0], fields[19]  # proc(5): fields 3 and 22
    return None if state in ("Z", "X") else f"{_boot_id()}:{ticks}"


def _started_by_ps(pid: int) -> str | None:
    listing = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
        check=False,
    )
    return listing.stdout.strip() or None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _folder(directory: Path) -> Path:
    return directory / "owners"


def _make_folder(directory: Path) -> None:
    folder = _folder(directory)
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(mode=0o700, exist_ok=True)


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _remove_if_free(path: Path) -> bool:
    """Remove a lock file nobody holds.

    The lock is taken exclusively and the name checked under it: of two who clean up, the second must not remove a
    file that was made again under the same name.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        free = try_lock(descriptor) and _same_file(descriptor, path)
        if free and not _WINDOWS:
            path.unlink()
    finally:
        os.close(descriptor)
    if free and _WINDOWS:  # an open file cannot be removed there, nor can one that somebody else has open
        path.unlink()
    return free


def _same_file(descriptor: int, path: Path) -> bool:
    ours = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
