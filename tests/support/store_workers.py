"""What the processes do that ``test_store_kill.py`` starts and kills.  Imported by them, so it knows no pytest."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from pan115kit.models import FileIdentity, HistoryEntry, Part, Phase, Sample, UploadSession, UploadStatus
from pan115kit.store import Store, database, opening
from pan115kit.store.database import Database

SESSION = UploadSession("one", "/a/b.bin", "b.bin", 10**9, part_size=10, total_parts=10_000, upload_id="UP")
IDENTITY = FileIdentity(1, 2, 3, 4, 5)
ENTRY = HistoryEntry(
    "job", "/a/b.bin", "b.bin", 1, "A" * 40, "/", UploadStatus.SUCCESS, False, 1, False, 0, 1.0, 2.0, 1.0, "f", "p",
    None,
)  # fmt: skip


def part(number: int) -> Part:
    """A part whose every field follows from its number, so that a torn one would be seen."""
    return Part(number, 10 + number, f"{number:032X}", number * 0x9E3779B97F4A7C15 % 2**64)


def _wait_for_the_lock() -> None:
    """Eight at once on a slow disk: SQLite lets them in without order, and one may wait longer than users would."""
    opening.BUSY_TIMEOUT = 120.0


def write_parts(directory: Path, mode: str, first: int, acknowledged: Connection) -> None:
    """Store parts for ever, reporting each after it was acknowledged."""
    store = Store(directory, journal_mode=mode)
    if store.sessions.get("one") is None:
        store.sessions.save(SESSION)
    number = first
    while True:
        store.sessions.add_part("one", part(number))
        acknowledged.send(number)
        number += 1


def write_own_session(directory: Path, name: str, count: int, go: Connection) -> None:
    """One of several processes on one directory: a session of its own, part by part."""
    _wait_for_the_lock()
    go.recv()
    with Store(directory) as store:
        store.sessions.save(UploadSession(name, "/a", "a", 1, upload_id="UP"))
        for number in range(1, count + 1):
            store.sessions.add_part(name, part(number))
    go.send("done")


def work_in_turns(directory: Path, turns: int, go: Connection) -> None:
    """Take the same session again and again; while it is held nobody else may be in it."""
    _wait_for_the_lock()
    together = held = 0
    with Store(directory) as store:
        go.send("ready")
        go.recv()
        while held < turns:
            if not store.leases.acquire("one", "job"):
                continue
            held += 1
            try:
                os.close(os.open(directory / "inside", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                together += 1
            else:
                for step in range(5):  # long enough for the seven others to try
                    store.sessions.save(replace(SESSION, error_message=f"{step}"))
                together += store.leases.owner("one").pid != os.getpid()
                (directory / "inside").unlink()
            store.leases.release("one", "job")
    go.send((held, together))


def hold_for_ever(directory: Path, go: Connection) -> None:
    """Take the session, say so, and wait to be killed."""
    store = Store(directory)
    go.send(store.leases.acquire("one", "job"))
    go.recv()


def try_once(directory: Path, go: Connection) -> None:
    """Say whether the session could be had, and keep it until told to end."""
    _wait_for_the_lock()
    with Store(directory) as store:
        go.send("ready")
        go.recv()
        go.send(store.leases.acquire("one", "job"))
        go.recv()


def open_together(directory: Path, go: Connection) -> None:
    """Open a store when told and say what it had to say."""
    _wait_for_the_lock()
    go.send("ready")
    go.recv()
    with Store(directory) as store:
        store.sessions.save(UploadSession(f"{os.getpid()}", "/a", "a", 1))
        go.send((store.journal_mode, len(store.notices)))


def all_kinds_of_writes(directory: Path, mode: str, acknowledged: Connection) -> None:
    """Every write the store knows, each reported when it is acknowledged."""
    store = Store(directory, journal_mode=mode)
    for name, write in (
        ("save", lambda: store.sessions.save(SESSION)),
        ("part", lambda: store.sessions.add_part("one", part(1))),
        ("parts", lambda: store.sessions.set_parts("one", [part(1), part(2)])),
        ("update", lambda: store.sessions.update("one", error_message="x")),
        ("hash", lambda: store.hashes.put(IDENTITY, "A" * 40)),
        ("samples", lambda: store.history.add_samples("job", [Sample(1.0, 1, 1.0, Phase.UPLOADING)] * 2)),
        ("history", lambda: store.history.add(ENTRY)),
        ("discard", lambda: store.sessions.discard("one")),
    ):
        write()
        acknowledged.send(name)
    store.close()
    acknowledged.send("closed")


def die_at_commit(directory: Path, mode: str, fatal: int, moment: str, acknowledged: Connection) -> None:
    """As :func:`all_kinds_of_writes`, killed at the commit number ``fatal``: before, within or after it."""
    real_write, real_transaction = Database.write, database._in_transaction
    commits = 0

    def within(connection: object, function: object) -> object:
        def dying(inner: object) -> object:
            function(inner)
            os.kill(os.getpid(), signal.SIGKILL)

        return real_transaction(connection, dying if commits == fatal and moment == "within" else function)

    def write(self: Database, function: object) -> object:
        nonlocal commits
        commits += 1
        if commits == fatal and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real_write(self, function)
        if commits == fatal and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Database.write = write
    database._in_transaction = within
    all_kinds_of_writes(directory, mode, acknowledged)
