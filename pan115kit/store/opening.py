"""Opening the database file: its directory, its journal, and what to do when it is damaged.

The database file itself is never opened here by anything but SQLite: closing any descriptor of it would drop the
POSIX locks that another connection of this process holds on it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path

from .._base.file_systems import file_system_at
from ..i18n import say
from .faults import is_busy
from .schema import is_foreign, missing_from, refuse_newer

#: Seconds SQLite itself waits for another connection's lock before it reports "busy".
BUSY_TIMEOUT = 5.0

_SIDE_FILES = ("", "-wal", "-shm", "-journal")
_WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "virtiofs"}
    | {"davfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.juicefs"}
)


class Damaged(Exception):
    """The file is not a usable database.

    Args:
        key: The catalogue's key of why.
        **values: What its holes are filled with.
    """

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self._key = key
        self._values = values

    def reason(self, lang: str | None = None) -> str:
        """Why, in the user's language or a certain one."""
        return say(self._key, lang=lang, **self._values)


def make_directory(directory: Path) -> None:
    """Make the state directory, readable by its owner only; one that exists keeps its mode.

    Raises:
        OSError: It cannot be made, or something else has its name.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def is_open_to_others(directory: Path) -> bool:
    """Whether every user of this computer may write here, so that the records may be anybody's."""
    return os.name == "posix" and bool(directory.stat().st_mode & stat.S_IWOTH)


def connect(path: Path) -> sqlite3.Connection:
    """A connection with our settings; a new file is readable by its owner only.

    Raises:
        sqlite3.Error: SQLite cannot open it.
        OSError: The file cannot be made.
    """
    with suppress(FileExistsError):  # SQLite gives -wal and -shm the mode of the file it finds
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:  # also on Ctrl-C: nobody else can close it
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure the file is a sound database of ours, or an empty one.

    Raises:
        Damaged: It is not.
        StoreError: A newer release wrote it.
        sqlite3.Error: It cannot be read, or not as a database.
    """
    refuse_newer(connection, path)
    verdict = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    if verdict != ["ok"]:
        raise Damaged("store.damage.sqlite", words=verdict[0].splitlines()[-1] if verdict else "quick_check")
    if is_foreign(connection):
        raise Damaged("store.damage.foreign_tables")


def check_schema(connection: sqlite3.Connection) -> None:
    """Make sure every table and column of ours is there.

    Raises:
        Damaged: One is missing.
    """
    if missing := missing_from(connection):
        table, column = missing
        if column:
            raise Damaged("store.damage.missing_column", table=table, column=column)
        raise Damaged("store.damage.missing_table", table=table)


def check_writable(connection: sqlite3.Connection) -> None:
    """Make sure that the file can be written: one wrong byte of its header makes it read-only to SQLite.

    Raises:
        sqlite3.Error: It cannot.
    """
    connection.execute("BEGIN")
    try:
        connection.execute("DELETE FROM schema_version WHERE version < 0")
    finally:
        connection.execute("ROLLBACK")


def is_header_damage(error: sqlite3.Error, path: Path) -> bool:
    """Whether SQLite refuses the file for a number in its header that no release of SQLite writes."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_READONLY:
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return code == sqlite3.SQLITE_ERROR and str(error) == "unsupported file format"


def check_journal_files(path: Path) -> None:
    """Look for a write-ahead log whose database is gone (SQLite would delete it silently), and for folders.

    Raises:
        Damaged: The database is empty but its log is not, or one of them is a folder.
    """
    for suffix in _SIDE_FILES:
        if _beside(path, suffix).is_dir():
            raise Damaged("store.damage.folder", name=_beside(path, suffix).name)
    if path.exists() and path.stat().st_size == 0 and _size(_beside(path, "-wal")) > 0:
        raise Damaged("store.damage.empty_with_log")


def keep_foreign_wal(path: Path, stamp: str) -> Path | None:
    """Keep a copy of a ``-wal`` file that is not a write-ahead log; SQLite would overwrite it without a word.

    Returns:
        The copy, or None where there is nothing odd.  (Cut or torn frames inside a log are the ordinary end of a
        crash; SQLite drops them by their checksums.)
    """
    wal = _beside(path, "-wal")
    if _size(wal) == 0:
        return None
    with wal.open("rb") as file:
        magic = file.read(4)
    if magic in _WAL_MAGIC or magic == b"\0\0\0\0":  # zeros: space reserved before a power cut, never written
        return None
    copy = _beside(_free_name(path, stamp), "-wal")
    shutil.copyfile(wal, copy)
    copy.chmod(0o600)
    return copy


def set_aside(path: Path, stamp: str) -> Path:
    """Rename a damaged database and the files beside it; nothing is deleted.

    Args:
        path: The database.
        stamp: ``YYYYMMDD-HHMMSS``.

    Returns:
        The database's new name.

    Raises:
        OSError: It cannot be renamed (Windows: another program has it open).
    """
    target = _free_name(path, stamp)
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(target, suffix))
    return target


def time_stamp(now: float) -> str:
    """Local time for a file name."""
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(now))


def choose_journal(connection: sqlite3.Connection, wanted: str) -> str:
    """Set the journal mode and return the one SQLite really uses.

    WAL needs memory shared between processes, which network file systems lack; then it is the rollback journal.

    Args:
        connection: An open connection outside a transaction.
        wanted: ``wal`` or ``delete``.

    Returns:
        ``wal`` or ``delete`` (``memory`` for a database in memory).
    """
    try:
        mode = _set_journal(connection, wanted)
    except sqlite3.OperationalError as error:
        if is_busy(error):  # others are using it in its present mode: so do we
            return _journal(connection)
        if wanted != "wal":
            raise
        mode = ""
    if mode != wanted and wanted == "wal":
        mode = _set_journal(connection, "delete")
    return mode


def default_journal(directory: Path) -> str:
    """``delete`` on a network file system, else ``wal``."""
    return "delete" if file_system_at(directory) in _NETWORK_FILE_SYSTEMS else "wal"


def _set_journal(connection: sqlite3.Connection, mode: str) -> str:
    return str(connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0]).lower()


def _journal(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).lower()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _free_name(path: Path, stamp: str) -> Path:
    base = _beside(path, f".damaged-{stamp}")
    candidate, number = base, 1
    while any(_beside(candidate, suffix).exists() for suffix in _SIDE_FILES):
        number += 1
        candidate = _beside(base, f"-{number}")
    return candidate
