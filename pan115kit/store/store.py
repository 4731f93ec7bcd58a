"""The state of one directory, and the one open store of it in this process."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from .._base.safe_output import print_err
from ..config import state_directory
from .database import Database
from .hashes import HashStore
from .history import HistoryStore
from .leases import LeaseStore
from .sessions import SessionStore

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """The state of one directory.  Prefer :func:`open_store`, which shares it within the process.

    Args:
        directory: The state directory, made if missing (mode 0700); None takes the configured one.
        clock: Seconds since the epoch.
        journal_mode: ``wal`` or ``delete``; None takes ``PAN115_JOURNAL_MODE``, else WAL, or the rollback journal on
            network file systems.
        on_notice: Shows a notice to the user, e.g. that a damaged database was set aside; called on any thread.

    Attributes:
        directory: The state directory.
        database: The file behind it; :meth:`Database.write` is where everything is committed.
        sessions: Resumable uploads.
        history: Finished uploads and their curves.
        hashes: SHA-1 sums of unchanged files.
        leases: Who works on which session.

    Raises:
        StoreError: The directory cannot be used, or a newer release wrote it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        journal_mode: str | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self.directory: Path = state_directory(directory)
        self.database = Database(self.directory, clock=clock, journal_mode=journal_mode, on_notice=on_notice)
        self.leases = LeaseStore(self.database, clock)
        self.sessions = SessionStore(self.database, self.leases, clock)
        self.history = HistoryStore(self.database, self.leases)
        self.hashes = HashStore(self.database)
        self._closed = False
        try:
            self.leases.clean()
        except BaseException:  # also on Ctrl-C: nobody else can close it
            self.database.close()
            raise

    @property
    def journal_mode(self) -> str:
        """``wal`` or ``delete``: what SQLite really uses."""
        return self.database.journal_mode

    @property
    def notices(self) -> list[str]:
        """What the user should hear, e.g. that a damaged database was set aside."""
        return self.database.notices

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a store method without blocking the caller's event loop.

        Once called it runs to its end, also when the awaiting task is cancelled: a write happens whole.

        Args:
            function: A method of this store, e.g. ``store.sessions.add_part``; it runs on the store's thread.
            *args: Its arguments.
            **kwargs: Its keyword arguments.

        Returns:
            What it returned.

        Raises:
            StoreError: As the method, or the store is closed.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()

        def pass_on(done: Future[T]) -> None:
            try:
                loop.call_soon_threadsafe(_pass_result, waiter, done)
            except RuntimeError:  # the loop was closed while we wrote: nobody waits any more
                if not loop.is_closed():
                    raise

        self.database.submit(partial(function, *args, **kwargs)).add_done_callback(pass_on)
        return await waiter

    def close(self) -> None:
        """Give back the leases, finish all writes, close the file and end the thread.

        A store shared through :func:`open_store` closes with its last user.
        """
        if _is_last_user(self) and not self._closed:
            self._closed = True
            try:
                self.leases.close()
            finally:
                self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pass_result(waiter: asyncio.Future[T], done: Future[T]) -> None:
    if waiter.done():  # cancelled meanwhile
        done.exception()
    elif (error := done.exception()) is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(done.result())


# -- one store per process and directory ----------------------------------------------------------------------

_shared: dict[str, Store] = {}
_users: dict[str, int] = {}
_lock = threading.RLock()


def open_store(directory: str | os.PathLike[str] | None = None, *, clock: Callable[[], float] = time.time) -> Store:
    """The store of a directory, shared by everybody in this process who opens it; its notices go to stderr.

    Args:
        directory: None takes the configured state directory (``PAN115_STATE_DIR``).
        clock: Seconds since the epoch; counts for the first who opens the directory.

    Returns:
        An open store.  Each ``open_store`` wants its own :meth:`Store.close`; the last one really closes.

    Raises:
        StoreError: The directory cannot be used, or a newer release wrote it.
    """
    key = os.path.realpath(state_directory(directory))
    with _lock:
        if key not in _shared:
            _shared[key] = Store(directory, clock=clock, on_notice=print_err)
            _users[key] = 0
        _users[key] += 1
        return _shared[key]


def _is_last_user(store: Store) -> bool:
    """Count one user less; whether nobody uses the store any more."""
    with _lock:
        key = next((key for key, shared in _shared.items() if shared is store), None)
        if key is None:
            return True
        _users[key] -= 1
        if _users[key] > 0:
            return False
        del _shared[key], _users[key]
        return True


def _forget_shared() -> None:
    """In a forked child: the parent's stores are the parent's."""
    global _lock
    _lock = threading.RLock()
    _shared.clear()
    _users.clear()


if hasattr(os, "register_at_fork"):
    # Called as a method of the lock as it then is: a child has a new one.
    os.register_at_fork(
        before=lambda: (_lock.acquire(), None)[1],
        after_in_parent=lambda: _lock.release(),
        after_in_child=_forget_shared,
    )
