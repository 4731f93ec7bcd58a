"""Locks that the operating system takes back when their process dies, however it dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StoreError
from ..i18n import say

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, shared: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # Windows knows no shared lock here

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}

#: Seconds to wait for another process that is opening the same state directory.
OPENING_PATIENCE = 60.0


class LockUnsupported(Exception):
    """This file system has no locks (some network mounts)."""


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file without waiting.

    Args:
        descriptor: A file descriptor opened for reading and writing.
        shared: Share it with other shared holders; only looking must not look like owning.

    Returns:
        Whether it is ours now.  It ends by :func:`unlock`, or when the process dies; closing the descriptor is not
        enough where a forked child has it, too.

    Raises:
        LockUnsupported: The file system has no locks.
    """
    try:
        _lock(descriptor, shared)
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno in _UNSUPPORTED:
            raise LockUnsupported(str(error)) from error
        raise
    return True


def unlock(descriptor: int) -> None:
    """Give a lock back, also for a child that was forked meanwhile; where there was none nothing happens."""
    with suppress(OSError):
        _unlock(descriptor)


@contextmanager
def opening_lock(directory: Path, patience: float = OPENING_PATIENCE) -> Iterator[None]:
    """Let one process at a time create, migrate or set aside the database of a directory.

    Where the file system has no locks it does nothing: SQLite's own retries remain.

    Raises:
        StoreError: Another process kept the lock for ``patience`` seconds.
        OSError: The directory cannot be written.
    """
    descriptor = os.open(directory / "opening.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience
        with suppress(LockUnsupported):
            while not try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise StoreError(
                        say("store.opening_elsewhere", directory=directory, seconds=f"{patience:.0f}"),
                        hint=say("store.opening_elsewhere.hint"),
                        retryable=True,
                    )
                time.sleep(0.02)
        yield
    finally:
        unlock(descriptor)
        os.close(descriptor)
