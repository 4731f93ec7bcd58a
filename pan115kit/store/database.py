"""The state database: one file, one connection, one writer thread, one place where anything is committed.

Everything runs on the thread ``pan115-store``, so writes never overlap within a process and no event loop waits for a
disk.  **Every commit goes through** :meth:`Database.write`; a crash test that replaces this one method kills the
process before or after each commit there is, including the one that makes the tables::

    original = Database.write
    def dying(self, function):
        if next(counter) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, function)
    monkeypatch.setattr(Database, "write", dying)

SQLite does not survive a fork: its per-process table of locks would be inherited without the locks.  So every
connection is closed before a fork and opened again, in parent and child each, when it is next needed.
"""

from __future__ import annotations

import atexit
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from .._base.file_locks import opening_lock
from ..errors import ConfigError
from ..i18n import say
from . import opening, schema
from .faults import explained, is_busy, is_damage, is_table_missing
from .worker import Worker

T = TypeVar("T")

FILE_NAME = "uploads.sqlite3"
THREAD_NAME = "pan115-store"

#: Seconds after which a database that other programs keep locked is given up.
LOCK_PATIENCE = 30.0

_log = logging.getLogger(__name__)


class Database:
    """One SQLite file and the thread that works on it.

    Args:
        directory: The state directory; made if missing.
        clock: Seconds since the epoch, for the names of damaged files.
        journal_mode: ``wal`` or ``delete``; None takes ``PAN115_JOURNAL_MODE``, else WAL where the file system
            can carry it.
        on_notice: Shows a notice to the user; called on any thread.

    Attributes:
        path: The database file.
        journal_mode: The mode SQLite really uses.
        notices: What the user should hear, e.g. that a damaged database was set aside.
        on_notice: As given.
        after_fork: Called in a child process after a fork.

    Raises:
        ConfigError: ``journal_mode`` is neither.
        StoreError: The directory or the file cannot be used, or a newer release wrote it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], float] = time.time,
        journal_mode: str | None = None,
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self.directory = directory
        self.path = directory / FILE_NAME
        self.journal_mode = ""
        self.notices: list[str] = []
        self.on_notice = on_notice
        self.after_fork: list[Callable[[], None]] = []
        self._wanted = _wanted_journal(journal_mode)
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._opened_file: tuple[int, int] | None = None
        self._depth = 0
        self._is_opening = False
        self._worker = Worker(THREAD_NAME, inline=_exiting)
        _remember(self)
        try:
            self._worker.run(partial(self._patiently, self._open_thoroughly))
        except BaseException:  # also on Ctrl-C: nobody else can close it
            self.close()
            raise

    def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``function`` in one transaction and commit it durably; the only place that commits.

        Args:
            function: Changes tables through the connection it is given and does nothing else: while another process
                holds the lock it may be run again.

        Returns:
            What ``function`` returned, after the commit reached the disk (``synchronous=FULL``).

        Raises:
            StoreError: Nothing was changed: full disk, locked for too long, damaged.
        """
        return self._worker.run(partial(self._patiently, lambda: _in_transaction(self._connected(), function)))

    def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``function``, which only reads, on the store's thread.

        Raises:
            StoreError: The database cannot be read.
        """
        return self._worker.run(partial(self._patiently, lambda: function(self._connected())))

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Hand a job to the store's thread without waiting; once handed in it runs to its end."""
        return self._worker.submit(function)

    def close(self) -> None:
        """Finish what was handed in, close the file and end the thread.  Closing twice does nothing."""
        if _forget(self):
            self._worker.submit(self._disconnect)
            self._worker.stop()

    # -- on the store's thread ---------------------------------------------------------------------------------

    def _patiently(self, work: Callable[[], T]) -> T:
        deadline = time.monotonic() + LOCK_PATIENCE
        self._depth += 1
        try:
            with explained(self.path):
                while True:
                    try:
                        return work()
                    except sqlite3.DatabaseError as error:
                        if is_busy(error) and time.monotonic() < deadline:
                            time.sleep(0.01)  # SQLite answers some conflicts at once, without its own waiting
                        elif not self._can_open_again(error):
                            raise
        finally:
            self._depth -= 1
            if self._worker.inline and self._depth == 0:  # the interpreter exits: nobody will close it later
                self._disconnect()

    def _can_open_again(self, error: sqlite3.DatabaseError) -> bool:
        """The file was damaged or emptied while it was open: look at it as at the start, and try once more."""
        if self._is_opening or self._connection is None or not (is_damage(error) or is_table_missing(error)):
            return False
        emptied = self.path.is_file() and self.path.stat().st_size == 0
        heard = len(self.notices)
        self._disconnect()
        self._open_thoroughly()
        if emptied and len(self.notices) == heard:
            self.notify("store.emptied", lambda _: {"path": str(self.path)})
        return emptied or len(self.notices) > heard

    def _connected(self) -> sqlite3.Connection:
        """The connection, made again after a fork, or when the file was replaced under it."""
        if self._connection is not None and _file_at(self.path) == self._opened_file:
            return self._connection
        if self._opened_file is not None and _file_at(self.path) == self._opened_file:
            self._connection = opening.connect(self.path)
        else:
            # Another process set the file aside as damaged, or somebody removed it: what we would write now
            # into the old file nobody would ever read.
            self._disconnect()
            self._open_thoroughly()
        assert self._connection is not None
        return self._connection

    def _open_thoroughly(self) -> None:
        """Open with all checks; a damaged file is set aside and a new one begun."""
        self._is_opening = True
        try:
            self._open_or_begin()
        finally:
            self._is_opening = False

    def _open_or_begin(self) -> None:
        with explained(self.directory):
            opening.make_directory(self.directory)
            if opening.is_open_to_others(self.directory):
                self.notify("store.open_to_others", lambda _: {"path": str(self.directory)})
        with opening_lock(self.directory):
            try:
                self._open_sound()
            except (opening.Damaged, sqlite3.DatabaseError) as error:
                if isinstance(error, opening.Damaged):
                    damage = error
                elif is_damage(error) or opening.is_header_damage(error, self.path):
                    damage = opening.Damaged("store.damage.sqlite", words=str(error))
                else:
                    raise
                kept = opening.set_aside(self.path, opening.time_stamp(self._clock()))
                self._say_damaged(kept, damage)
                self._open_sound()

    def _open_sound(self) -> None:
        opening.check_journal_files(self.path)
        odd = opening.keep_foreign_wal(self.path, opening.time_stamp(self._clock()))
        connection = opening.connect(self.path)
        try:
            opening.check(connection, self.path)
            wanted = self._wanted or opening.default_journal(self.directory)
            self.journal_mode = opening.choose_journal(connection, wanted)
            self._connection, self._opened_file = connection, _file_at(self.path)
            if not schema.is_current(connection):
                self.write(schema.migrate)
            opening.check_schema(connection)
            opening.check_writable(connection)
        except BaseException:  # also on Ctrl-C: nobody else can close it
            self._connection = None
            connection.close()
            raise
        if odd is not None:
            self._say_damaged(odd, opening.Damaged("store.damage.no_log"))

    def _say_damaged(self, kept: Path, damage: opening.Damaged) -> None:
        self.notify("store.set_aside", lambda lang: {"why": damage.reason(lang), "kept": str(kept)})

    def notify(self, key: str, values: Callable[[str | None], dict[str, str]]) -> None:
        """Tell the user something once: kept in :attr:`notices`, handed to :attr:`on_notice`, logged in English.

        Args:
            key: The catalogue's key.
            values: What its holes are filled with, by language (None is the user's).
        """
        notice = say(key, **values(None))
        self.notices.append(notice)
        # without any handler logging would print it too, beside whoever shows the notice
        if self.on_notice is None or _log.hasHandlers():
            _log.warning("%s", say(key, lang="en", **values("en")))
        if self.on_notice is not None:
            self.on_notice(notice)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- fork and exit ------------------------------------------------------------------------------------------

    def _before_fork(self) -> None:
        self._worker.busy.acquire()  # wait for a moment without a transaction
        if self._connection is not None and not self._connection.in_transaction:
            self._disconnect()

    def _after_fork_in_parent(self) -> None:
        self._worker.busy.release()

    def _after_fork_in_child(self) -> None:
        self._worker = Worker(THREAD_NAME)  # the parent's thread does not exist here
        for forget in self.after_fork:
            forget()

    def _at_exit(self) -> None:
        self._worker.stop(then_inline=True)
        with self._worker.busy:
            self._disconnect()


def _in_transaction(connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = function(connection)
        connection.execute("COMMIT")
    except BaseException:  # also on Ctrl-C: whole or not at all
        if connection.in_transaction:  # SQLite rolls back by itself on some errors
            connection.execute("ROLLBACK")
        raise
    return result


def _wanted_journal(given: str | None) -> str:
    wanted = (given or os.environ.get("PAN115_JOURNAL_MODE", "")).strip().lower()
    if wanted not in ("", "wal", "delete"):
        raise ConfigError(say("store.journal_mode", mode=repr(wanted)), hint=say("store.journal_mode.hint"))
    return wanted


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


# -- every open database of this process ----------------------------------------------------------------------

_open_databases: set[Database] = set()
_registry = threading.RLock()
_exiting = False


def _remember(database: Database) -> None:
    with _registry:
        _open_databases.add(database)


def _forget(database: Database) -> bool:
    with _registry:
        known = database in _open_databases
        _open_databases.discard(database)
        return known


def _before_fork() -> None:
    _registry.acquire()
    for database in _open_databases:
        database._before_fork()


def _after_fork_in_parent() -> None:
    for database in _open_databases:
        database._after_fork_in_parent()
    _registry.release()


def _after_fork_in_child() -> None:
    global _registry
    _registry = threading.RLock()
    for database in _open_databases:
        database._after_fork_in_child()


def _at_exit() -> None:
    global _exiting
    with _registry:
        _exiting = True
        databases = list(_open_databases)
    for database in databases:
        database._at_exit()


# Registered at import, so that this runs after the exit handlers of those who use the store: what they write last is
# still taken, on their own thread.
atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
