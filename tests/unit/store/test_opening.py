"""What is known of a file system before the database is opened on it."""

from __future__ import annotations

import sqlite3

from pan115kit._base.file_systems import file_system_of
from pan115kit.store.opening import choose_journal

MOUNTS = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / /home/a\\040b rw shared:1 - nfs4 server:/x rw"


def test_the_nearest_mount_says_what_a_directory_lies_on() -> None:
    """A write-ahead log on NFS loses records; on a local disk it is the quick way."""
    assert file_system_of("/home/a b/state", MOUNTS) == "nfs4"
    assert file_system_of("/homework", MOUNTS) == "ext4"


def test_the_journal_is_the_one_sqlite_really_uses() -> None:
    assert choose_journal(sqlite3.connect(":memory:"), "wal") == "memory"
