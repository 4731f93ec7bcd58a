"""One owner for a session: living ones are respected, dead ones are taken over at once."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pan115kit._base import file_locks
from pan115kit.store import LeaseOwner, Store, owners


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path, clock=lambda: 5.0) as opened:
        yield opened


OWNER = """
import sys
from pan115kit._base import file_locks
from pan115kit.store import Store
if sys.argv[2] == "no locks":
    def unsupported(*arguments): raise OSError(file_locks.errno.ENOLCK, "No locks available")
    file_locks._lock = unsupported
store = Store(sys.argv[1])
print(store.leases.acquire("one", "theirs"), flush=True)
sys.stdin.read()
store.close()
"""


class OtherProcess:
    """A process that holds the session ``one`` until it is told to end, or killed."""

    def __init__(self, directory: Path, how: str = "locks") -> None:
        command = [sys.executable, "-c", OWNER, str(directory), how]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.acquired = self.process.stdout.readline() == b"True\n"

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait(60) == -9

    def end(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(60) == 0

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(60)
        self.process.stdin.close()
        self.process.stdout.close()


def test_two_holders_in_one_process_exclude_each_other(store: Store) -> None:
    """Else two jobs of one notebook would send parts of the same multipart upload."""
    assert store.leases.acquire("one", "first")
    assert store.leases.acquire("one", "first")
    assert not store.leases.acquire("one", "second")
    assert store.leases.owner("one") == LeaseOwner(os.getpid(), socket.gethostname(), "first", 5.0)
    assert store.leases.owners() == {"one": store.leases.owner("one")}
    store.leases.release("one", "second")
    assert not store.leases.acquire("one", "second")
    store.leases.release("one", "first")
    assert store.leases.owner("one") is None
    assert store.leases.owners() == {}
    assert store.leases.acquire("one", "second")


def test_two_stores_in_one_process_exclude_each_other(store: Store) -> None:
    with Store(store.directory) as other:
        assert store.leases.acquire("one", "job")
        assert not other.leases.acquire("one", "job")
        other.leases.release("one", "job")
        assert store.leases.owner("one").holder == other.leases.owner("one").holder == "job"
        assert other.leases.acquire("two", "job")
    assert store.leases.owner("two") is None


def test_a_living_process_is_respected_and_gives_back_at_its_end(store: Store) -> None:
    with OtherProcess(store.directory) as other:
        assert other.acquired
        assert not store.leases.acquire("one", "mine")
        assert store.leases.owners()["one"].pid == other.process.pid
        assert (store.leases.owner("one").pid, store.leases.owner("one").holder) == (other.process.pid, "theirs")
        other.end()
        assert store.leases.owner("one") is None
        assert store.leases.acquire("one", "mine")


def test_a_killed_process_is_taken_over_at_once(store: Store) -> None:
    """No heartbeat to wait for: after a crash the user can resume immediately."""
    with OtherProcess(store.directory) as other:
        other.kill()
    assert store.leases.owner("one") is None
    assert store.leases.owners() == {}
    assert store.leases.acquire("one", "mine")
    assert store.leases.owner("one").pid == os.getpid()


def test_a_stopped_process_is_still_alive(store: Store) -> None:
    """Ctrl-Z or a sleeping laptop: it will go on sending, so nobody may take over."""
    import signal

    with OtherProcess(store.directory) as other:
        other.process.send_signal(signal.SIGSTOP)
        os.waitpid(other.process.pid, os.WUNTRACED)
        assert not store.leases.acquire("one", "mine")
        other.process.send_signal(signal.SIGCONT)
        other.end()


def test_what_dead_processes_left_is_cleaned_when_a_store_opens(tmp_path: Path) -> None:
    with OtherProcess(tmp_path) as other:
        other.kill()
    folder = tmp_path / "owners"
    assert len(list(folder.iterdir())) == 1
    with OtherProcess(tmp_path) as living, Store(tmp_path) as store:
        assert len(list(folder.iterdir())) == 1
        assert store.leases.owner("one").pid == living.process.pid
        living.end()
    assert list(folder.iterdir()) == []


def test_looking_at_a_dead_owner_never_looks_like_owning(tmp_path: Path) -> None:
    """Two who look at once must both see that nobody is alive."""
    path = owners.lock_path(tmp_path, "dead")
    path.parent.mkdir()
    path.touch()
    descriptors = [os.open(path, os.O_RDWR) for _ in range(2)]
    assert all(file_locks.try_lock(descriptor, shared=True) for descriptor in descriptors)
    assert not owners._is_held(path)
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_lock_file_made_anew_under_a_cleaned_name_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two who clean up must not remove what is a living process's by then."""
    path = owners.lock_path(tmp_path, "a" * 32)
    path.parent.mkdir()
    path.touch()
    real = owners.try_lock

    def somebody_was_faster(descriptor: int, **options: bool) -> bool:
        path.unlink()
        path.touch()
        return real(descriptor, **options)

    monkeypatch.setattr(owners, "try_lock", somebody_was_faster)
    assert owners.clean(tmp_path) == 0
    assert path.exists()


def test_a_file_removed_between_making_and_locking_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the process would hold a lock that nobody can see."""
    real, calls = owners.try_lock, []

    def cleaned_in_between(descriptor: int, **options: bool) -> bool:
        calls.append(1)
        if len(calls) == 1:
            next((tmp_path / "owners").iterdir()).unlink()
        return real(descriptor, **options)

    monkeypatch.setattr(owners, "try_lock", cleaned_in_between)
    sign = owners.ProcessLock(tmp_path)
    mark = sign.mark()
    assert owners.is_alive(tmp_path, mark)
    assert sign.mark() == mark
    sign.end()
    assert not owners.is_alive(tmp_path, mark)


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int, shared: bool) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(file_locks, "_lock", unsupported)


@pytest.mark.usefixtures("without_locks")
def test_without_file_locks_pid_and_start_time_decide(tmp_path: Path) -> None:
    """On a network home without locks a killed process must still be told from a living one."""
    with Store(tmp_path) as store, OtherProcess(tmp_path, "no locks") as other:
        assert other.acquired
        assert not store.leases.acquire("one", "mine")
        assert store.leases.owner("one").pid == other.process.pid
        other.kill()
        assert store.leases.owner("one") is None
        assert store.leases.acquire("one", "mine")
        assert not store.leases.acquire("one", "other")
        assert list((tmp_path / "owners").iterdir()) == []


def test_a_pid_given_to_another_process_is_not_the_owner(tmp_path: Path) -> None:
    """After a restart of the machine the old pid may belong to anybody."""
    ours = owners.Mark("x", False, os.getpid(), socket.gethostname(), owners.process_started(os.getpid()))
    assert ours.started
    assert owners.is_alive(tmp_path, ours)
    assert not owners.is_alive(tmp_path, owners.Mark("x", False, os.getpid(), socket.gethostname(), "long ago"))


def test_a_killed_process_nobody_waited_for_is_dead(tmp_path: Path) -> None:
    """A zombie still has its pid."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = owners.process_started(process.pid)
    assert started
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owners.process_started(process.pid) is None
    process.wait(60)
    process.stdin.close()


@pytest.mark.usefixtures("without_locks")
def test_an_owner_on_another_host_is_respected_until_it_gives_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be asked whether it lives: taking its session could send the same parts twice."""
    with Store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(owners.socket, "gethostname", lambda: "far-away")
            far = Store(tmp_path)
            assert far.leases.acquire("one", "theirs")
        assert not store.leases.acquire("one", "mine")
        assert store.leases.owner("one").host == "far-away"
        far.close()
        assert store.leases.acquire("one", "mine")
        assert store.leases.owner("one").holder == "mine"


def test_start_times_by_ps_agree_with_themselves() -> None:
    """The way of systems without /proc (macOS)."""
    assert owners._started_by_ps(os.getpid()) == owners._started_by_ps(os.getpid())
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait(60)
    assert owners._started_by_ps(process.pid) is None


def test_lock_files_behind_a_symbolic_link_are_not_ours(tmp_path: Path) -> None:
    """``owners`` led to a folder of somebody's, and their lock files were deleted."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    names = ["apt.lock", f"{'0' * 32}.lock"]
    for name in names:
        (theirs / name).touch()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "owners").symlink_to(theirs)
    with Store(tmp_path / "state") as store:
        assert store.leases.acquire("one", "job")
        assert not (tmp_path / "state" / "owners").is_symlink()
    assert sorted(path.name for path in theirs.iterdir()) == sorted(names)


def test_only_lock_files_of_ours_are_cleaned(tmp_path: Path) -> None:
    (tmp_path / "owners").mkdir()
    for name in ("apt.lock", f"{'0' * 32}.lock"):
        (tmp_path / "owners" / name).touch()
    with Store(tmp_path):
        assert [path.name for path in (tmp_path / "owners").iterdir()] == ["apt.lock"]
