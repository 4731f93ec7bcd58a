"""SIGKILL of real processes, and several of them on one state directory: nothing acknowledged is ever lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import store_workers as workers

from pan115kit.store import Store, database

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")

# A server process that has imported the kit and opened nothing forks the others: real processes, quickly.
CONTEXT = multiprocessing.get_context("forkserver") if os.name == "posix" else multiprocessing.get_context()
CONTEXT.set_forkserver_preload(["pan115kit.store"])


class Process:
    """A real process and the pipe it talks through."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=target, args=(*arguments, theirs))
        self.process.start()
        theirs.close()

    def everything_said(self) -> Iterator[Any]:
        """What it sent and will send until it is gone."""
        while True:
            try:
                yield self.pipe.recv()
            except (EOFError, ConnectionResetError):
                return

    def kill(self) -> None:
        """SIGKILL, and make sure that this is what ended it."""
        self.process.kill()
        self.process.join(120)
        assert self.process.exitcode == -signal.SIGKILL

    def end(self) -> None:
        self.process.join(120)
        assert self.process.exitcode == 0


@contextmanager
def processes(count: int, target: Callable[..., None], *arguments: object) -> Iterator[list[Process]]:
    started = [Process(target, *arguments) for _ in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.process.kill()
            one.process.join(120)
            one.pipe.close()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_no_acknowledged_part_is_lost_when_the_writer_is_killed(tmp_path: Path, mode: str) -> None:
    """Each round a process stores parts until it is killed in the middle; the next goes on where that one stopped.

    Law 5: a part that was acknowledged and forgotten would be sent twice, or make the upload start anew.
    """
    chance = random.Random(115)
    last = 0
    for _ in range(20):
        with processes(1, workers.write_parts, tmp_path, mode, last + 1) as [writer]:
            for _ in range(chance.randint(1, 40)):
                last = writer.pipe.recv()
            assert writer.process.is_alive()
            writer.kill()
            for number in writer.everything_said():
                last = number
        with Store(tmp_path, journal_mode=mode) as store:
            assert store.journal_mode == mode
            assert store.notices == []
            found = store.sessions.parts("one")
            assert len(found) in (last, last + 1)  # the one it was storing may or may not have arrived
            assert found == [workers.part(number) for number in range(1, len(found) + 1)]
            session = store.sessions.get("one")
            assert session.uploaded_parts == tuple(range(1, len(found) + 1))
            assert session.uploaded_bytes == sum(part.size for part in found)
            last = len(found)


EXPECTED: dict[str, Callable[[Store], bool]] = {
    "save": lambda store: store.sessions.get("one") is not None,
    "part": lambda store: 1 in store.sessions.get("one").uploaded_parts,
    "parts": lambda store: store.sessions.parts("one") == [workers.part(1), workers.part(2)],
    "update": lambda store: store.sessions.get("one").error_message == "x",
    "hash": lambda store: store.hashes.get(workers.IDENTITY) == "A" * 40,
    "samples": lambda store: len(store.history.samples("job")) == 2,
    "history": lambda store: store.history.get("job") == workers.ENTRY,
    "discard": lambda store: store.sessions.get("one") is None,
}
OF_THE_SESSION = {"save", "part", "parts", "update"}
#: The tables, the cleaning at the start, and the eight writes.
COMMITS = 10


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_writes_below_are_all_there_are(tmp_path: Path, mode: str) -> None:
    """The next test is only worth something if it reaches the last commit and these expectations can fail."""
    with processes(1, workers.die_at_commit, tmp_path, mode, COMMITS + 1, "before") as [writer]:
        assert list(writer.everything_said()) == [*EXPECTED, "closed"]
        writer.end()
    with Store(tmp_path / "empty") as store:
        assert not any(holds(store) for name, holds in EXPECTED.items() if name not in ("part", "update", "discard"))


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_killed_at_every_commit_there_is(tmp_path: Path, mode: str, moment: str) -> None:
    """Each write is there whole once acknowledged, and otherwise whole or not at all."""
    names = [*EXPECTED]
    for fatal in range(1, COMMITS + 1):
        directory = tmp_path / f"{fatal}"
        with processes(1, workers.die_at_commit, directory, mode, fatal, moment) as [writer]:
            acknowledged = list(writer.everything_said())
            writer.process.join(120)
            assert writer.process.exitcode == -signal.SIGKILL
        assert acknowledged == names[: max(fatal - 3, 0)]
        done = names[: max(fatal - 3, 0) + (moment == "after" and fatal >= 3)]
        with Store(directory, journal_mode=mode) as store:
            assert store.notices == []
            if "discard" in done:
                assert store.sessions.get("one") is None
                done = [name for name in done if name not in OF_THE_SESSION]
            assert all(EXPECTED[name](store) for name in done), (fatal, done)
            missing = [name for name in names if name not in done and name not in OF_THE_SESSION]
            if "save" in done:
                assert not any(EXPECTED[name](store) for name in missing), (fatal, missing)
            store.sessions.save(workers.SESSION)


def test_eight_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    """Several notebooks share one state directory; opening, creating and writing it together must work."""
    names = [f"session {n}" for n in range(8)]
    started = [Process(workers.write_own_session, tmp_path, name, 25) for name in names]
    for one in started:
        one.pipe.send("go")
    for one in started:
        assert one.pipe.recv() == "done"
        one.end()
        one.pipe.close()
    with Store(tmp_path) as store:
        assert store.notices == []
        for name in names:
            assert store.sessions.parts(name) == [workers.part(number) for number in range(1, 26)]


def test_eight_processes_never_hold_one_session_together(tmp_path: Path) -> None:
    """Law 11: two processes in one multipart upload would spoil it."""
    with processes(8, workers.work_in_turns, tmp_path, 10) as started:
        for one in started:
            assert one.pipe.recv() == "ready"
        for one in started:
            one.pipe.send("go")
        assert [one.pipe.recv() for one in started] == [(10, 0)] * 8
        for one in started:
            one.end()


def test_of_eight_processes_exactly_one_takes_over_from_a_killed_one(tmp_path: Path) -> None:
    with processes(1, workers.hold_for_ever, tmp_path) as [owner]:
        assert owner.pipe.recv() is True
        with processes(8, workers.try_once, tmp_path) as heirs:
            for heir in heirs:
                assert heir.pipe.recv() == "ready"
            owner.kill()
            for heir in heirs:
                heir.pipe.send("go")
            assert sorted(heir.pipe.recv() for heir in heirs) == [False] * 7 + [True]
            for heir in heirs:
                heir.pipe.send("end")
            for heir in heirs:
                heir.end()
    with Store(tmp_path) as store:
        assert store.leases.owner("one") is None
        assert list((tmp_path / "owners").iterdir()) == []


def test_eight_processes_that_find_damage_set_it_aside_once(tmp_path: Path) -> None:
    """Else one would set aside the new database another has just begun to write."""
    (tmp_path / database.FILE_NAME).write_bytes(b"garbage" * 1000)
    with processes(8, workers.open_together, tmp_path) as started:
        for one in started:
            assert one.pipe.recv() == "ready"
        for one in started:
            one.pipe.send("go")
        answers = [one.pipe.recv() for one in started]
        for one in started:
            one.end()
    assert {mode for mode, _ in answers} == {"wal"}
    assert sum(notices for _, notices in answers) == 1
    assert len(list(tmp_path.glob("*damaged*"))) == 1
    with Store(tmp_path) as store:
        assert len(store.sessions.list()) == 8
